/** What the browser remembers; everything works, forgetfully, where storage is switched off. */

export function remembered(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // forgotten when the page closes
  }
}

/** JSON that lives as long as this tab. */
export function rememberedInTab(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null;
  }
}

export function rememberInTab(name, value) {
  try {
    sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    // forgotten when the page closes
  }
}
