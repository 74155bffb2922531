/** Jobs as they change. */

import { get } from "./api.js";

export const isFinal = (job) => job.state === "done" || job.state === "failed" || job.state === "cancelled";

/**
 * Follows a job until it is over.
 *
 * @param {string} id
 * @param {(job: any) => void} changed
 * @param {(error: Error) => void} lost called once if the job is gone
 * @returns {() => void} stops following
 */
export function follow(id, changed, lost) {
  let source = null;
  let stopped = false;
  const stop = () => {
    stopped = true;
    source?.close();
  };
  const open = () => {
    source = new EventSource(`/api/jobs/${encodeURIComponent(id)}/events`);
    source.addEventListener("job", (event) => {
      if (stopped) return;
      const job = JSON.parse(event.data);
      if (isFinal(job)) stop();
      changed(job);
    });
    source.addEventListener("error", async () => {
      if (stopped || source.readyState !== EventSource.CLOSED) return; // it connects again by itself
      try {
        const job = await get(`/api/jobs/${encodeURIComponent(id)}`);
        if (stopped) return;
        if (isFinal(job)) stop();
        else setTimeout(() => stopped || open(), 1000);
        changed(job);
      } catch (error) {
        if (stopped) return;
        if (error.status === 0) setTimeout(() => stopped || open(), 2000);
        else {
          stop();
          lost(error);
        }
      }
    });
  };
  open();
  return stop;
}
