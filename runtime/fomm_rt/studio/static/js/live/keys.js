/** The keys of `fomm-rt live`, as the studio lists them. */

import { get } from "../server/api.js";

/** @returns {Promise<{groups: any[], commandOf: (event: KeyboardEvent) => {name: string, value: any}|null}>} */
export async function loadKeys() {
  const { groups, repeated } = await get("/api/live/keys");
  const commands = new Map(groups.flatMap(({ rows }) => rows.flatMap(({ commands: keys }) => Object.entries(keys))));
  return {
    groups,
    commandOf(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return null;
      const command = commands.get(nameOf(event));
      return !command || (event.repeat && !repeated.includes(command.name)) ? null : command;
    },
  };
}

function nameOf({ key, shiftKey }) {
  if (key === " ") return "Space";
  if (/^[a-z]$/i.test(key)) return shiftKey ? `Shift+${key.toUpperCase()}` : key.toLowerCase();
  return key;
}
