/** The camera of the browser. */

/**
 * Opens camera and, if asked for, microphone.
 *
 * @param {{sound: boolean, device?: string}} options
 * @returns {Promise<MediaStream>}
 * @throws {CameraError}
 */
export async function openCamera({ sound, device }) {
  if (!navigator.mediaDevices?.getUserMedia) throw new CameraError("camera.insecure");
  const video = { width: { ideal: 1280 }, height: { ideal: 720 }, ...(device && { deviceId: { exact: device } }) };
  try {
    return await navigator.mediaDevices.getUserMedia({ video, audio: sound });
  } catch (error) {
    throw new CameraError(problemOf(error, sound));
  }
}

/** Why there is no camera, as a key of the texts. */
export class CameraError extends Error {
  constructor(key) {
    super(key);
    this.key = key;
  }
}

function problemOf(error, sound) {
  switch (error.name) {
    case "NotAllowedError":
    case "SecurityError":
      return "camera.refused";
    case "NotFoundError":
    case "OverconstrainedError":
      return sound ? "camera.none_with_sound" : "camera.none";
    case "NotReadableError":
    case "AbortError":
      return "camera.busy";
    default:
      return "camera.failed";
  }
}

/** The cameras that can be chosen; they have names once one has been opened. */
export async function cameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter((device) => device.kind === "videoinput" && device.label);
}

export function stop(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
