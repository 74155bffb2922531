/** The place of the result: of the job that runs, or of one that was chosen from the history. */

import { h, show } from "../base/dom.js";
import { percent } from "../base/format.js";
import { say, t } from "../base/i18n.js";
import { announce } from "../frame/announce.js";
import { problemPlace } from "../frame/problem.js";
import { follow, isFinal } from "../server/job_events.js";
import { doneView } from "./done_view.js";
import { nameOfJob } from "./names.js";
import { progressView } from "./progress_view.js";

/**
 * @param {object} actions of `doneView`, and `changed(job)`, called with each change of the job that is shown
 */
export function resultPlace(actions) {
  const heading = h("h2", { id: "result-title", tabindex: "-1", text: "result.title" });
  const names = h("p.names");
  const content = h("div");
  const element = h("section.card.result", { id: "result", "aria-labelledby": "result-title", hidden: true },
    h("header", {}, heading, names), content);
  const pageTitle = document.title;

  document.addEventListener("languagechange", () => {
    if (shown) names.textContent = nameOfJob(shown);
  });

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && (!shown || isFinal(shown))) document.title = pageTitle;
  });

  let shown = null; // the job
  let view = null;
  let stopFollowing = () => {};

  function close() {
    stopFollowing();
    stopFollowing = () => {};
    view?.closed?.();
    view = null;
    shown = null;
    document.title = pageTitle;
    content.replaceChildren();
  }

  function update(job, isNews) {
    const before = shown?.state;
    shown = job;
    if (isNews) actions.changed(job);
    if (!isFinal(job)) {
      if (!view?.update) replace(progressView(job));
      else view.update(job);
      document.title = job.total ? `${percent(job.done / job.total)} % · ${pageTitle}` : pageTitle;
      return;
    }
    document.title = pageTitle;
    if (job.state === "done") {
      replace(doneView(job, actions));
      if (isNews && before !== "done") {
        announce("job.done");
        if (document.hidden) document.title = `${t("job.done_title")} · ${pageTitle}`;
        view.play();
      }
    } else {
      replace(endedView(job));
      if (isNews) announce(job.state === "failed" ? "job.failed" : "job.cancelled");
    }
  }

  function replace(next) {
    const hadFocus = content.contains(document.activeElement);
    view?.closed?.();
    view = next;
    content.replaceChildren(next.element);
    if (hadFocus) heading.focus({ preventScroll: true }); // the button that had it is gone
  }

  return {
    element,
    shownId: () => shown?.id ?? null,

    /** Shows a job and follows it; `reveal` scrolls there. */
    open(job, reveal) {
      close();
      show(true, element);
      say(heading, job.kind === "explanation" ? "result.explanation_title" : "result.title");
      names.textContent = nameOfJob(job);
      update(job, false);
      if (!isFinal(job)) {
        stopFollowing = follow(job.id, (next) => update(next, true), () => {
          close();
          show(false, element);
          actions.gone(job);
        });
      }
      if (reveal) {
        heading.focus({ preventScroll: true });
        element.scrollIntoView({ block: "nearest" });
      }
    },

    close() {
      close();
      show(false, element);
    },
  };
}

function endedView(job) {
  const problem = problemPlace();
  if (job.state === "failed") problem.tell("job.failed_why", undefined, job.error ?? "", { code: job.error_code });
  const words = h("p.lead", { text: "job.cancelled" });
  show(job.state === "cancelled", words);
  return { element: h("div.ended", {}, words, problem.element) };
}
