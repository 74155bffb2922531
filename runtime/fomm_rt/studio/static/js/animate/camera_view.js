/** The picture of the camera in a dialog, as in a mirror, with a choice of the camera where there are several. */

import { h, show } from "../base/dom.js";
import { problemPlace } from "../frame/problem.js";
import { CameraError, cameras, openCamera, stop } from "./camera.js";

/**
 * @param {() => void} ready called when the camera shows a picture
 * @param {() => void} lost called when there is no picture any more
 */
export function cameraView(ready, lost) {
  const video = h("video.mirrored", { playsinline: true, muted: true, label: "camera.preview" });
  video.muted = true; // the attribute alone does not mute
  const problem = problemPlace();
  const choice = h("select", { label: "camera.which", hidden: true });
  let stream = null;
  let wanted = 0;

  async function open(options) {
    wanted += 1;
    const mine = wanted;
    problem.clear();
    stop(stream);
    stream = null;
    lost();
    try {
      const opened = await openCamera(options);
      if (mine !== wanted) return stop(opened); // closed, or another camera chosen meanwhile
      stream = opened;
      stream.getVideoTracks()[0].addEventListener("ended", () => {
        lost();
        problem.tell("camera.ended");
      });
      video.srcObject = stream;
      await video.play();
      await offer(options);
      if (mine === wanted) ready();
    } catch (error) {
      if (mine !== wanted) return undefined;
      if (!(error instanceof CameraError)) throw error;
      problem.tell(error.key);
    }
    return undefined;
  }

  async function offer(options) {
    const found = await cameras();
    const current = stream?.getVideoTracks()[0]?.getSettings().deviceId;
    choice.replaceChildren(...found.map((device) => h("option", { value: device.deviceId }, device.label)));
    choice.value = current;
    choice.onchange = () => open({ ...options, device: choice.value });
    show(found.length > 1, choice);
  }

  return {
    element: h("div.camera", {}, h("div.viewfinder", {}, video), choice, problem.element),
    video,
    problem,
    open,
    stream: () => stream,
    close() {
      wanted += 1;
      stop(stream);
      video.srcObject = null;
    },
  };
}
