/** One life of an app, as its conductor sees it. */
import { LoggedProcess } from "#test/support/logged-process.ts";
import { planVariable, type AppPlan } from "../traffic/plan.ts";

export class AppProcess extends LoggedProcess {
  readonly life: string;

  private constructor(plan: AppPlan) {
    super({
      called: `app ${plan.life}`,
      program: "test/faults/traffic/app.ts",
      env: { [planVariable]: JSON.stringify(plan) },
    });
    this.life = plan.life;
  }

  static async start(plan: AppPlan): Promise<AppProcess> {
    const app = new AppProcess(plan);
    try {
      await app.said("working");
      return app;
    } catch (error) {
      if (!app.isOver) await app.kill();
      throw error;
    }
  }
}
