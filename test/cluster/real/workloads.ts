/** What the tests of the real rung run: as small as it shows the point. */
import { imageOf } from "#tools/cluster/real/site.ts";

export interface Container {
  readonly image: string;
  readonly command: readonly string[];
}

const local = { imagePullPolicy: "Never" } as const;
/** A shell as the first process ignores SIGTERM: nobody waits for it. */
const quick = { terminationGracePeriodSeconds: 1 } as const;

export function pod(name: string, container: Container): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: name } },
    spec: { restartPolicy: "Never", ...quick, containers: [{ name, ...local, ...container }] },
  };
}

/** Serves one page on port 8080. */
export function webServer(name: string): object {
  const serves = [
    "mkdir /tmp/www",
    "echo served from a pod > /tmp/www/index.html",
    "exec httpd -f -p 8080 -h /tmp/www",
  ].join(" && ");
  const container = {
    ...{ name, ...local, image: imageOf("busybox"), command: ["sh", "-c", serves] },
    readinessProbe: { httpGet: { path: "/", port: 8080 }, periodSeconds: 1 },
  };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: name } },
    spec: { ...quick, containers: [container] },
  };
}

export function service(name: string): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
  };
}

/** The app ends when it has reached the sidecar, which never ends by itself. */
export function job(name: string): object {
  const image = imageOf("busybox");
  const stays = [
    "mkdir /tmp/www && echo ok > /tmp/www/index.html && httpd -p 127.0.0.1:4653 -h /tmp/www",
    "trap 'echo asked to end; exit 0' TERM",
    "while :; do sleep 1; done",
  ].join("\n");
  const asks = "timeout 3 wget -q -O /dev/null http://127.0.0.1:4653/ && echo the sidecar answers";
  const sidecar = {
    ...{ name: "sidecar", ...local, image, command: ["sh", "-c", stays] },
    restartPolicy: "Always",
    startupProbe: {
      exec: { command: ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:4653/"] },
      periodSeconds: 1,
      failureThreshold: 60,
    },
  };
  const app = { name: "app", ...local, image, command: ["sh", "-c", asks] };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name },
    spec: {
      template: {
        spec: { restartPolicy: "Never", initContainers: [sidecar], containers: [app] },
      },
    },
  };
}
