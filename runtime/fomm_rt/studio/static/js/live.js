/** The tab Live. */

export { mount } from "./live/tab.js";
