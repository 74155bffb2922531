/** The clean view: the avatar alone, as long as a page is live. It connects again when the studio was away. */

import { canDecode } from "./live/codec.js";
import { Connection } from "./live/connection.js";
import { Screen } from "./live/screen.js";
import { signIn } from "./server/session.js";

const AGAIN_MS = 1000;

const canvas = document.getElementById("avatar");
await signIn().catch(() => {}); // a cookie from before may do
const codec = (await canDecode()) ? "h264" : "jpeg";
watch();

function watch() {
  const screen = new Screen(canvas);
  new Connection({ role: "viewer", codec }, (packet) => screen.show(packet), (message) => {
    if (message.type === "state") {
      canvas.hidden = !message.is_live;
      canvas.classList.toggle("mirrored", message.state.mirror_output);
    }
  }, () => {
    screen.close();
    setTimeout(watch, AGAIN_MS);
  });
}
