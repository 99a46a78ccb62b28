// The document's elements: found by id, created with attributes, listeners and children. Text reaches the page as
// text nodes only, never as markup.

export const byId = (id) => document.getElementById(id);

/** Creates an element; a function among the attributes is a listener, null and false omit an attribute. */
export function element(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value != null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child != null && child !== false && child !== ""));
  return node;
}

/** Shows a text; hides the element while the text is empty. */
export function say(node, text = "") {
  node.textContent = text;
  node.hidden = !text;
}
