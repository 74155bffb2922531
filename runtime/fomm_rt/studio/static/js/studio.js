/** What the studio said about itself: `GET /api/status`, or null before its first answer. */

import { store } from "./base/store.js";

export const studio = store(null);
