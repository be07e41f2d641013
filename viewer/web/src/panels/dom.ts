/** Small hands for the DOM: elements whose words follow the language. */
type Words = string | (() => string);

export interface Props {
  class?: string;
  text?: Words;
  title?: Words;
  placeholder?: Words;
  testid?: string;
  attrs?: Record<string, string>;
  on?: Partial<{ [K in keyof HTMLElementEventMap]: (event: HTMLElementEventMap[K]) => void }>;
}

const refreshers = new WeakMap<Element, () => void>();
const SPOKEN = "data-spoken";

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: (Node | string | null)[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  if (props.class) node.className = props.class;
  if (props.testid) node.dataset.testid = props.testid;
  for (const [name, value] of Object.entries(props.attrs ?? {})) node.setAttribute(name, value);
  for (const [name, listener] of Object.entries(props.on ?? {})) {
    node.addEventListener(name, listener as EventListener);
  }
  speakTo(node, props);
  node.append(...children.filter((child) => child !== null));
  return node;
}

function speakTo(node: HTMLElement, props: Props): void {
  const say = () => {
    if (props.text !== undefined) node.textContent = words(props.text);
    if (props.title !== undefined) {
      node.title = words(props.title);
      node.setAttribute("aria-label", node.title);
    }
    if (props.placeholder !== undefined) {
      node.setAttribute("placeholder", words(props.placeholder));
    }
  };
  say();
  if ([props.text, props.title, props.placeholder].some((w) => typeof w === "function")) {
    refreshers.set(node, say);
    node.setAttribute(SPOKEN, "");
  }
}

const words = (held: Words) => (typeof held === "function" ? held() : held);

/** Says every word of the page again, in the language of now. */
export function respeak(root: ParentNode): void {
  for (const node of root.querySelectorAll(`[${SPOKEN}]`)) refreshers.get(node)?.();
}

export function button(props: Props): HTMLButtonElement {
  return el("button", { ...props, attrs: { type: "button", ...props.attrs } });
}

export function replace(node: Element, ...children: (Node | string | null)[]): void {
  node.replaceChildren(...children.filter((child) => child !== null));
}

/** A check box with its words. */
export function toggle(
  label: () => string,
  testid: string,
  onChange: (on: boolean) => void,
): { node: HTMLLabelElement; box: HTMLInputElement } {
  const box = el("input", {
    testid,
    attrs: { type: "checkbox" },
    on: { change: () => onChange(box.checked) },
  });
  return { node: el("label", { class: "toggle" }, box, el("span", { text: label })), box };
}

/** Saves a file that is on its way under a name. */
export async function save(file: Promise<Blob>, name: string): Promise<void> {
  const url = URL.createObjectURL(await file);
  el("a", { attrs: { href: url, download: name } }).click();
  URL.revokeObjectURL(url);
}
