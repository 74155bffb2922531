/**
 * The page's words. Every text on the page is a key of i18n/LANGUAGE.json with values, kept on its element, so that
 * another language can be put in place at any time.
 */

import { remember, remembered } from "./storage.js";

export const LANGUAGES = { en: "English", zh: "中文" };

/** @type {Object<string, string>} */
let strings = {};
let language = "en";

/** The remembered language, else the first one of the browser's that the page has, else English. */
export function preferredLanguage() {
  const chosen = remembered("language");
  if (chosen in LANGUAGES) return chosen;
  const spoken = navigator.languages ?? [navigator.language];
  return spoken.map((tag) => tag.toLowerCase().split("-")[0]).find((tag) => tag in LANGUAGES) ?? "en";
}

export function currentLanguage() {
  return language;
}

/** Loads a language and puts it on the page. */
export async function useLanguage(name) {
  const answer = await fetch(`i18n/${name}.json`);
  if (!answer.ok) throw new Error(`i18n/${name}.json: ${answer.status}`);
  strings = await answer.json();
  language = name;
  document.documentElement.lang = name === "zh" ? "zh-CN" : name;
  translate(document.documentElement);
  document.dispatchEvent(new Event("languagechange"));
}

/** Chooses a language for this and later visits. */
export async function chooseLanguage(name) {
  remember("language", name);
  await useLanguage(name);
}

export function hasText(key) {
  return key in strings;
}

/**
 * The text of a key. `{name}` in it stands for a value. With a value `count` that is 1, the key `KEY.one` is taken if
 * there is one.
 */
export function t(key, values = {}) {
  const pattern = (values.count === 1 && strings[`${key}.one`]) || strings[key];
  if (pattern === undefined) {
    console.error(`no text for ${key}`);
    return key;
  }
  return pattern.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? value.toLocaleString(document.documentElement.lang) : value;
  });
}

/** Sets the text of an element. */
export function say(element, key, values) {
  element.dataset.i18n = key;
  if (values) element.dataset.i18nValues = JSON.stringify(values);
  else delete element.dataset.i18nValues;
  if (Object.keys(strings).length) element.textContent = t(key, values);
}

/** Sets the accessible name ("label") or the tooltip ("title") of an element. */
export function sayAttribute(element, which, key, values) {
  const name = which === "label" ? "i18nLabel" : "i18nTitle";
  element.dataset[name] = key;
  if (values) element.dataset[`${name}Values`] = JSON.stringify(values);
  else delete element.dataset[`${name}Values`];
  if (Object.keys(strings).length) element.setAttribute(which === "label" ? "aria-label" : "title", t(key, values));
}

/** Text that is not the page's own, such as a file name. */
export function sayVerbatim(element, text) {
  delete element.dataset.i18n;
  delete element.dataset.i18nValues;
  element.textContent = text;
}

/**
 * A sentence of the studio, which is English, in the page's language where that has a text for it.
 *
 * @param {HTMLElement} element
 * @param {string} sentence
 * @param {string|null} key
 * @param {Object<string, any>} [values]
 */
export function sayTranslated(element, sentence, key, values) {
  element.dataset.i18nSentence = JSON.stringify({ sentence, key, values });
  tellSentence(element);
}

function tellSentence(element) {
  const { sentence, key, values } = JSON.parse(element.dataset.i18nSentence);
  const isKnown = Boolean(key) && hasText(key);
  element.textContent = isKnown ? t(key, values) : sentence;
  element.lang = isKnown ? document.documentElement.lang : "en";
}

const parsed = (text) => (text ? JSON.parse(text) : undefined);

function translate(root) {
  for (const element of root.querySelectorAll("[data-i18n-sentence]")) tellSentence(element);
  for (const element of root.querySelectorAll("[data-i18n]")) {
    element.textContent = t(element.dataset.i18n, parsed(element.dataset.i18nValues));
  }
  for (const element of root.querySelectorAll("[data-i18n-label]")) {
    element.setAttribute("aria-label", t(element.dataset.i18nLabel, parsed(element.dataset.i18nLabelValues)));
  }
  for (const element of root.querySelectorAll("[data-i18n-title]")) {
    element.setAttribute("title", t(element.dataset.i18nTitle, parsed(element.dataset.i18nTitleValues)));
  }
}
