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
  let screen = newScreen();
  const connection = new Connection({ role: "viewer", codec }, (packet) => {
    screen.show(packet);
    canvas.hidden = false; // only now, because the canvas may hold the last picture of another session
  }, (message) => {
    if (message.type !== "state") return;
    canvas.classList.toggle("mirrored", message.state.mirror_output);
    if (!message.is_live) {
      canvas.hidden = true;
      screen.close();
      screen = newScreen();
    }
  }, () => {
    canvas.hidden = true;
    screen.close();
    setTimeout(watch, AGAIN_MS);
  });

  function newScreen() {
    const fresh = new Screen(canvas);
    fresh.clear();
    fresh.onLost = () => connection.requestKey();
    return fresh;
  }
}
