/** The tab Animate: a picture, a driver, start; then the result and the history. */

import { button, h } from "../base/dom.js";
import { t } from "../base/i18n.js";
import { rememberedInTab, rememberInTab } from "../base/storage.js";
import { store } from "../base/store.js";
import { problemPlace } from "../frame/problem.js";
import { get, request } from "../server/api.js";
import { isFinal } from "../server/job_events.js";
import { explanationOf } from "./done_view.js";
import { driverView } from "./driver_view.js";
import { startFileEntry } from "./file_entry.js";
import { gallery } from "./gallery.js";
import { historyPlace } from "./history.js";
import { jobList } from "./jobs.js";
import { mediaStep } from "./media_step.js";
import { pictureView } from "./picture_view.js";
import { recordDriver } from "./recording.js";
import { resultPlace } from "./result.js";
import { takeSnapshot } from "./snapshot.js";
import { startStep } from "./start_step.js";

const PICTURES = "image/*,video/*,.avif,.heic,.tif,.tiff,.jp2";
const DRIVERS = "video/*,image/*,.npz,.mkv,.avi,.mov";

/** Builds the tab in its panel. */
export async function mount(panel) {
  const picture = store(null);
  const driver = store(null);
  const framings = { picture: store(null), driver: store(null) };
  const model = store(null);
  const jobs = jobList();
  const problem = problemPlace();

  const pictureStep = mediaStep({
    kind: "picture", number: 1, symbol: "picture", accept: PICTURES, choice: picture,
    view: lookingView(pictureView, picture, model, framings.picture),
    further: button("", "camera", "picture.snapshot", () => takeSnapshot((blob, name) => pictureStep.take(blob, name))),
  });
  const driverStep = mediaStep({
    kind: "driver", number: 2, symbol: "film", accept: DRIVERS, choice: driver,
    view: lookingView(driverView, driver, model, framings.driver),
    further: button("", "record", "driver.record", () => recordDriver((blob, name) => driverStep.take(blob, name))),
  });

  const needed = () => [picture.get()?.id, driver.get()?.id];
  const result = resultPlace({
    changed: jobs.put,
    gone: (job) => jobs.drop(job.id),
    reuse: (job) => {
      driver.set({ id: job.motion_id, name: t("driver.motion_of", { name: job.driving_name }), is_motion: true });
      driverStep.element.scrollIntoView({ block: "nearest" });
      document.getElementById("start").focus();
    },
    explain: (job, place) => explanationOf(job).then((made) => result.open(made, true),
      (error) => place.tellError("result.explain_failed", error)),
    forget,
  });

  async function forget(job, place = problem) {
    try {
      await jobs.forget(job, needed());
    } catch (error) {
      if (error.status !== 404) return place.tellError("history.delete_failed", error);
      jobs.drop(job.id); // another tab was faster
    }
    if (result.shownId() === job.id) result.close();
    if (driver.get()?.id === job.motion_id) driver.set(null);
    return undefined;
  }

  const start = startStep({ picture, driver, framings, model }, (job) => {
    jobs.put(job);
    result.open(job, true);
  });
  const history = historyPlace(jobs, (job) => result.open(job, true), (job) => forget(job));
  panel.append(
    h("header.intro", {}, h("h1", { text: "animate.title" }), h("p", { text: "animate.intro" })),
    h("div.steps", {}, pictureStep.element, driverStep.element, start),
    result.element, problem.element, history,
  );

  startFileEntry({ picture: pictureStep, driver: driverStep }, () => !panel.hidden);
  keepChoices({ picture, driver });
  await fill({ picture, driver, pictureStep, driverStep, jobs, result });
  document.addEventListener("visibilitychange", () => document.hidden || jobs.refresh().catch(() => {}));
}

/** Shows what is chosen by `view`, which looks for the face at once, and again for another model. */
function lookingView(view, choice, model, framing) {
  let current = null;
  // Each model has a margin of its own around the face; a square that was moved by hand stays.
  model.watch(() => choice.get() && current?.isUntouched() && current.look());
  return (chosen) => {
    current = view(chosen, model, framing);
    current.look();
    return current;
  };
}

/** Keeps the choices over a reload of the page. */
function keepChoices(choices) {
  for (const [name, choice] of Object.entries(choices)) {
    const before = rememberedInTab(name);
    if (before) {
      // It may be deleted by now; the motion of a job is there as long as the job.
      const question = before.url ? request(before.url, { method: "HEAD" }) : get(`/api/jobs/${before.id.split(":")[1]}`);
      question.then(() => choice.get() ?? choice.set(before), () => rememberInTab(name, null));
    }
    let isFirst = true; // watching begins with what there is, which is nothing yet
    choice.watch((chosen) => {
      if (!isFirst) rememberInTab(name, chosen);
      isFirst = false;
    });
  }
}

/** Fetches the gallery and the jobs, and opens the job that runs. */
async function fill({ picture, driver, pictureStep, driverStep, jobs, result }) {
  const [offered, all] = await Promise.all([get("/api/gallery"), jobs.refresh()]);
  pictureStep.element.append(gallery(offered.pictures, "gallery.pictures", picture));
  driverStep.element.append(gallery(offered.drivers, "gallery.drivers", driver));
  const running = all.find((job) => !isFinal(job));
  if (running) result.open(running, false);
}
