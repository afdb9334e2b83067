/** `make cluster-down`: ends what `make cluster-up` has started, and leaves nothing of it. */
import { clusterFolder, look } from "./by-hand.ts";
import { takeDown } from "./take-down.ts";

if (look().is === "nothing") console.log("No cluster is up.");
else {
  const ended = await takeDown(clusterFolder);
  console.log(
    ended.length === 0
      ? "Nothing of it ran any more; its folder is removed."
      : `Ended: ${ended.join(", ")}.`,
  );
}
