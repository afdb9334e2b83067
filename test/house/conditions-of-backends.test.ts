/** Every reason of a condition is explained, and nothing else is. */
import { backendAspects } from "#operator/controllers/backend/decide.ts";
import { text } from "#tools/house/tree.ts";
import { nothing } from "./support/nothing.ts";

const page = "docs/operations/conditions-backend.md";

describe("the conditions of a Backend", () => {
  const given = backendAspects.flatMap(({ type, reasons }) =>
    Object.keys(reasons).map((reason) => `${type}: ${reason}`),
  );
  const explained = [...text(page).matchAll(/^### (.+)$/gm)].map(([, heading = ""]) => heading);

  it("have a heading for each reason", () => {
    nothing(
      given.filter((reason) => !explained.includes(reason)),
      `Explain them in ${page}.`,
    );
  });

  it("have all the reasons that are explained", () => {
    nothing(
      explained.filter((heading) => !given.includes(heading)),
      `Take them out of ${page}.`,
    );
  });
});
