/** The jobs of this session of the studio, as this page knows them. */

import { store } from "../base/store.js";
import { get, remove } from "../server/api.js";

export function jobList() {
  const { get: all, set, watch } = store([]);

  return {
    all,
    watch,

    /** Asks the studio for all of them; another tab may have changed them. */
    async refresh() {
      const answer = await get("/api/jobs");
      set(answer.jobs ?? answer);
      return all();
    },

    /** Takes the newest state of one. */
    put(job) {
      if (job.kind === "explanation") return;
      const at = all().findIndex((one) => one.id === job.id);
      set(at < 0 ? [job, ...all()] : all().map((one) => (one.id === job.id ? job : one)));
    },

    /** Takes one away that is gone. */
    drop(id) {
      set(all().filter((job) => job.id !== id));
    },

    /** Deletes one, and the uploads that nothing else needs. */
    async forget(job, keep) {
      await remove(`/api/jobs/${job.id}`);
      this.drop(job.id);
      for (const id of [job.source, job.driving]) await this.release(id, keep);
    },

    /** Deletes an upload unless a job or a choice needs it. */
    async release(id, keep) {
      const isNeeded = keep.includes(id) || all().some((job) => job.source === id || job.driving === id);
      if (!id.startsWith("upload:") || isNeeded) return;
      await remove(`/api/uploads/${encodeURIComponent(id)}`).catch(() => {}); // gone already
    },
  };
}
