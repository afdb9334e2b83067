// A lock that lives as long as its connection: it is given back by close(), and when this process dies.
import java.io.*;
import java.net.*;
import java.util.concurrent.CompletableFuture;

record Lock(String fence, CompletableFuture<Void> lost, Socket connection) implements AutoCloseable {
    static Lock acquire(String pool, String name) throws IOException {
        URI sidecar = URI.create(System.getenv().getOrDefault("HOLDFAST_URL", "http://localhost:4653"));
        Socket socket = new Socket(sidecar.getHost(), sidecar.getPort());
        String path = "/v1/locks/" + pool + "/" + URLEncoder.encode(name, "UTF-8").replace("+", "%20") + "/acquire";
        socket.getOutputStream().write(("POST " + path + "?hold=connection&wait=10s HTTP/1.1\r\nHost: "
            + sidecar.getAuthority() + "\r\nAccept: text/event-stream\r\nConnection: close\r\n\r\n").getBytes());
        BufferedReader lines = new BufferedReader(new InputStreamReader(socket.getInputStream()));
        for (String line; (line = lines.readLine()) != null;)
            if (line.contains("\"code\":")) throw new IOException(line); // a problem's; who waits has neither
            else if (line.contains("\"fence\":\"")) { // a grant's: what follows is read on to its end, which is the lock's
                String fence = line.replaceAll(".*\"fence\":\"(\\d+)\".*", "$1");
                return new Lock(fence, CompletableFuture.runAsync(() -> lines.lines().count()), socket);
            }
        throw new EOFException("the sidecar ended");
    }
    public void close() throws IOException { connection.close(); }
}
