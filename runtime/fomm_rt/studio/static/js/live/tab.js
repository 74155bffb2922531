/** The tab Live: the camera of this browser drives an avatar. */

import { CameraError, openCamera, stop } from "../animate/camera.js";
import { modelField } from "../animate/model_field.js";
import { button, h, show } from "../base/dom.js";
import { store } from "../base/store.js";
import { announce } from "../frame/announce.js";
import { problemPlace } from "../frame/problem.js";
import { bestCodec } from "./codec.js";
import { BUSY, Connection } from "./connection.js";
import { controls } from "./controls.js";
import { loadKeys } from "./keys.js";
import { recorder } from "./recorder.js";
import { Screen } from "./screen.js";
import { Sender } from "./sender.js";
import { stage } from "./stage.js";

const MOST_ATTEMPTS = 5; // a page that was reloaded may find its former self still live
const ATTEMPT_MS = 400;
const NUMBERS_MS = 500;
const VIEW_MS = 700; // until the canvas shows another view, also on a slow machine

/** Builds the tab in its panel. */
export async function mount(panel) {
  const problem = problemPlace();
  const model = store(null);
  const video = h("video", { muted: true, playsinline: true, autoplay: true, "aria-hidden": "true" });
  video.muted = true; // the attribute alone does not mute an element that a script has made
  const view = stage(video);
  const keys = await loadKeys();
  /** What runs, or null: {stream, connection, sender, screen, timer}. */
  let running = null;
  let state = null;

  const startButton = button("primary.large", "camera", "live.start", start);
  const before = h("div.card.live-start", {},
    h("p", { text: "live.privacy" }), modelField(model), h("div.actions", {}, startButton));
  const recording = recorder(view.canvas);
  const panelControls = controls(keys.groups, command, stopLive);
  const during = h("div.live", { hidden: true }, view.element, panelControls.element);
  panel.append(
    h("header.intro", {}, h("h1", { text: "live.title" }), h("p", { text: "live.intro" })),
    problem.element, before, during,
  );
  document.addEventListener("keydown", onKey);
  addEventListener("pagehide", stopLive);

  async function start() {
    problem.clear();
    startButton.disabled = true;
    let stream = null;
    try {
      stream = await openCamera({ sound: false });
      video.srcObject = stream;
      await video.play();
      await connect(stream, await bestCodec(), MOST_ATTEMPTS);
      announce("live.running");
    } catch (error) {
      stop(stream);
      if (!(error instanceof CameraError) && !(error instanceof LiveError)) throw error;
      problem.tell(error.key, undefined, error.sentence);
    } finally {
      startButton.disabled = false;
    }
  }

  /** Connects; waits and tries again while another page is live. */
  async function connect(stream, codec, attempts) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await connectOnce(stream, codec);
      } catch (error) {
        if (!(error instanceof LiveError) || error.code !== BUSY || attempt === attempts) throw error;
        await new Promise((resolve) => { setTimeout(resolve, ATTEMPT_MS); });
      }
    }
  }

  function connectOnce(stream, codec) {
    return new Promise((resolve, reject) => {
      const screen = new Screen(view.canvas);
      const parameters = { role: "camera", codec, ...(model.get() && { model: model.get() }) };
      const connection = new Connection(parameters, onPacket, onMessage, onClose);
      let ending = "";
      screen.onLost = () => connection.requestKey();
      stream.getVideoTracks()[0].addEventListener("ended", () => running?.stream === stream && fail("live.camera_gone", ""));

      function onPacket(packet) {
        if (!running) {
          const sender = new Sender(stream, video, codec, connection.socket, (error) => fail("live.codec_failed", error.message));
          running = { stream, connection, sender, screen, timer: setInterval(tellNumbers, NUMBERS_MS) };
          show(false, before);
          show(true, during);
          view.canvas.focus();
          resolve();
        }
        screen.show(packet);
      }

      function onMessage(message) {
        if (message.type === "state") take(message.state);
        else if (message.type === "avatars") panelControls.setAvatars(message.names, message.version);
        else if (message.type === "numbers") view.tellMessages(message.messages);
        else if (message.type === "face") view.setFace(message);
        else if (message.type === "error") problem.tell("live.refused", undefined, message.error);
        else if (message.type === "ended") ending = message.error ?? "";
      }

      function onClose(code, reason) {
        screen.close();
        const key = code === BUSY ? "live.busy" : "live.ended";
        if (!running) reject(new LiveError(key, code, ending || reason));
        else fail(key, ending || reason);
      }
    });
  }

  function fail(key, sentence) {
    stopLive();
    problem.tell(key, undefined, sentence);
  }

  function stopLive() {
    if (!running) return;
    const { stream, connection, sender, screen, timer } = running;
    running = null;
    clearInterval(timer);
    recording.stop();
    sender.stop();
    connection.close();
    screen.close();
    stop(stream);
    video.srcObject = null;
    show(true, before);
    show(false, during);
    startButton.focus();
  }

  function take(next) {
    state = next;
    panelControls.setState(state, recording.isRunning());
    view.setState(state);
  }

  function tellNumbers() {
    view.tellNumbers(running.screen.numbers());
  }

  /** Carries out a command: here what concerns this page alone, at the studio all else. */
  function command(name, value = null) {
    if (!running) return;
    if (name === "snapshot") ofResult(snapshot);
    else if (name === "record") ofResult(record);
    else if (name === "view" && recording.isRunning()) problem.tell("live.no_view_while_recording");
    else if (name === "mirror-preview") view.setMirrored(!view.isMirrored());
    else if (name === "quit") stopLive();
    else running.connection.command(name, value);
  }

  /** Does something with the canvas when it shows the result: views show the person, who is kept out of files. */
  function ofResult(action) {
    if (state.view === "result") {
      action();
      return;
    }
    running.connection.command("view", "result");
    setTimeout(() => running && action(), VIEW_MS);
  }

  function snapshot() {
    view.canvas.toBlob((blob) => {
      const link = h("a", { href: URL.createObjectURL(blob), download: "avatar.png" });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    });
  }

  function record() {
    try {
      recording.toggle();
    } catch {
      problem.tell("live.no_recorder");
    }
    panelControls.setState(state, recording.isRunning());
    announce(recording.isRunning() ? "live.recording" : "live.recorded");
  }

  function onKey(event) {
    const isTyping = event.target instanceof Element && event.target.closest("input, select, textarea, button, summary");
    if (panel.hidden || !running || (isTyping && [" ", "Enter"].includes(event.key)) || event.target.closest?.("input, select")) return;
    const found = keys.commandOf(event);
    if (!found) return;
    event.preventDefault();
    if (found.name === "help") panelControls.toggleHelp();
    else if (found.name === "gallery") panelControls.focusGallery();
    else command(found.name, found.value);
  }

}

/** Why the session did not begin, or ended. */
class LiveError extends Error {
  constructor(key, code, sentence) {
    super(sentence || key);
    this.key = key;
    this.code = code;
    this.sentence = sentence;
  }
}
