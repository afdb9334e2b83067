import { GroupCommit } from "#etcd/group-commit.ts";
import { ModelStore } from "#test/support/etcd-model/model-store.ts";
import { UncertainLink } from "#test/support/etcd-model/uncertain-link.ts";
import { calm } from "#test/support/etcd-model/weather.ts";
import { ModelEtcd } from "./model-etcd.ts";
import { exerciseStore } from "./store.ts";

exerciseStore("the model", () =>
  Promise.resolve(
    new ModelEtcd("contract", {
      link: (server, client) => new UncertainLink(server, client, calm),
    }),
  ),
);

exerciseStore("the model, whose watches come late", () =>
  Promise.resolve(
    new ModelEtcd("contract/slow", {
      link: (server, client) =>
        new UncertainLink(server, client, {
          ...calm,
          eventMs: { min: 1, max: 2_000 },
          watchHeld: 0.2,
          watchHeldMs: { min: 1, max: 3_000 },
        }),
    }),
  ),
);

exerciseStore("the model, with writes joined by group commit", () =>
  Promise.resolve(
    new ModelEtcd("contract/joined", {
      link: (server, client) => new UncertainLink(server, client, calm),
      store: (link) => new ModelStore(link, (port) => new GroupCommit(port)),
    }),
  ),
);
