/** A condition as Kubernetes has them: in the status of every kind, and the same in all. */
import { choice, integer, list, object, text, timestamp } from "../fields.ts";

const condition = object({
  about: "One aspect of the resource's state.",
  fields: {
    type: text({ about: "Which aspect.", form: "plain", bytesMin: 1, bytesMax: 316 }),
    status: choice({
      about: "Whether it holds.",
      values: { True: "it does", False: "it does not", Unknown: "not known yet" },
    }),
    observedGeneration: integer({
      about: "The generation that this was said of.",
      optional: true,
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
    }),
    lastTransitionTime: timestamp({ about: "When the status last changed." }),
    reason: text({
      about: "One word, of a closed list.",
      form: "plain",
      bytesMin: 1,
      bytesMax: 1_024,
    }),
    message: text({ about: "For people.", form: "prose", bytesMax: 32_768 }),
  },
});

/** `about` names the conditions of the kind. */
export function conditions(about: string) {
  return list({ about, optional: true, items: condition, itemsMax: 16, keyedBy: "type" });
}

export const observedGeneration = integer({
  about: "The generation of the spec that this status is about.",
  optional: true,
  min: 0,
  max: Number.MAX_SAFE_INTEGER,
});
