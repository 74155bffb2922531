/** Which coding this browser can do in both directions: H.264 by WebCodecs, else JPEG. */

export const H264 = "avc1.42E01F"; // constrained baseline, level 3.1: what the studio sends, too

/** The settings of the encoder for a camera of this size. */
export function encoderSettings(width, height) {
  return {
    codec: H264,
    width: width - (width % 2),
    height: height - (height % 2),
    framerate: 30,
    bitrate: 3_000_000,
    latencyMode: "realtime",
    avc: { format: "annexb" },
  };
}

/** @returns {Promise<"h264"|"jpeg">} */
export async function bestCodec() {
  return (await canDecode()) && (await canEncode()) ? "h264" : "jpeg";
}

export async function canDecode() {
  if (!("VideoDecoder" in globalThis)) return false;
  const answer = await VideoDecoder.isConfigSupported({ codec: H264 }).catch(() => null);
  return Boolean(answer?.supported);
}

async function canEncode() {
  if (!("VideoEncoder" in globalThis)) return false;
  const answer = await VideoEncoder.isConfigSupported(encoderSettings(640, 480)).catch(() => null);
  return Boolean(answer?.supported);
}
