/** One set of controls for several players: the result leads, the others keep in step with it. */

import { h, iconButton, setIcon } from "../base/dom.js";
import { clock } from "../base/format.js";
import { sayAttribute, t } from "../base/i18n.js";

/** A follower that is further away than this is moved; less is not seen. */
const TOLERANCE_S = 0.06;
const DEFAULT_FPS = 25;

/**
 * @param {HTMLVideoElement} leader its sound is heard
 * @param {{video: HTMLVideoElement, offset: number}[]} followers `offset` is their time when the leader's is 0, in seconds
 * @param {{fps: number|null, hasSound: boolean, label: string}} facts of the leader; `label` names the controls
 */
export function transport(leader, followers, { fps, hasSound, label }) {
  const toggle = iconButton("play", "player.play", () => (leader.paused ? play() : leader.pause()));
  toggle.classList.add("play");
  const seek = h("input.seek", { type: "range", min: "0", max: "1", step: String(1 / (fps ?? DEFAULT_FPS)), value: "0",
    label: "player.position" });
  const time = h("span.time", { "aria-hidden": "true" });
  const mute = iconButton("sound", "player.mute", () => {
    leader.muted = !leader.muted;
    setIcon(mute.firstElementChild, leader.muted ? "muted" : "sound");
    mute.setAttribute("aria-pressed", String(leader.muted));
  }, { "aria-pressed": "false" });
  mute.hidden = !hasSound;
  const repeat = iconButton("repeat", "player.repeat", () => {
    leader.loop = !leader.loop;
    repeat.setAttribute("aria-pressed", String(leader.loop));
  }, { "aria-pressed": "true" });
  leader.loop = true;
  for (const { video } of followers) video.muted = true;

  const place = ({ offset, video }) => Math.min(leader.currentTime + offset, video.duration || Infinity);

  function align(tolerance) {
    for (const follower of followers) {
      const { video } = follower;
      if (video.readyState === 0) continue; // unknown, or cannot be played here
      if (Math.abs(video.currentTime - place(follower)) > tolerance) video.currentTime = place(follower);
      const runs = !leader.paused && leader.readyState > 2 && place(follower) < (video.duration || Infinity);
      if (runs && video.paused) video.play().catch(() => {}); // a pause overtook it
      if (!runs && !video.paused) video.pause();
    }
  }

  function play() {
    leader.play().catch((error) => {
      if (error.name !== "AbortError" && error.name !== "NotAllowedError") throw error;
    });
  }

  function tell() {
    const length = Number.isFinite(leader.duration) ? leader.duration : 0;
    seek.max = String(length || 1);
    if (document.activeElement !== seek || !leader.paused) seek.value = String(leader.currentTime);
    time.textContent = `${clock(leader.currentTime)} / ${clock(length)}`;
    seek.setAttribute("aria-valuetext", t("player.at", { at: clock(leader.currentTime), length: clock(length) }));
  }

  function tick() {
    tell();
    align(TOLERANCE_S);
    if (!leader.paused && leader.isConnected) requestAnimationFrame(tick);
  }

  const tellState = () => {
    setIcon(toggle.firstElementChild, leader.paused ? "play" : "pause");
    for (const which of ["label", "title"]) sayAttribute(toggle, which, leader.paused ? "player.play" : "player.pause");
    tick();
  };
  leader.addEventListener("play", tellState);
  leader.addEventListener("pause", tellState);
  for (const name of ["seeking", "waiting", "playing"]) leader.addEventListener(name, () => align(TOLERANCE_S));
  for (const name of ["loadedmetadata", "seeked"]) leader.addEventListener(name, tell);
  for (const { video } of followers) video.addEventListener("loadedmetadata", () => align(0));
  seek.addEventListener("input", () => {
    leader.currentTime = Number(seek.value);
  });
  tell();

  return { element: h("div.transport", { role: "group", label }, toggle, seek, time, mute, repeat), play };
}
