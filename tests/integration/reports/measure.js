// Runs in the page around a report, which has no script itself: measures the report in its frame.
const frame = document.querySelector("iframe");
frame.onload = () => {
  const inside = frame.contentDocument, root = inside.documentElement, view = frame.contentWindow;
  const wide = root.clientWidth;
  const channel = (value) => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const numbers = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = (colour) => {
    const [red, green, blue] = numbers(colour);
    return 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = view.getComputedStyle(at).backgroundColor;
      const parts = numbers(colour);
      if (parts.length < 4 || parts[3] > 0) return colour;
    }
    return view.getComputedStyle(root).backgroundColor;
  };
  const sticking = [], faint = [], cut = [];
  for (const element of inside.body.querySelectorAll("*")) {
    if (element.closest("thead") && view.getComputedStyle(element.closest("thead")).position === "absolute") continue;
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const name = `${element.tagName}: ${element.textContent.trim().slice(0, 60)}`;
    if (own && (box.right > wide + 1 || box.left < -1)) sticking.push(name);
    if (own && element.tagName !== "text" && element.scrollWidth > element.clientWidth + 1 && element.clientWidth) cut.push(name);
    if (!own || ["TITLE", "DESC", "title", "desc"].includes(element.tagName)) continue;
    const style = view.getComputedStyle(element);
    const ink = element.tagName === "text" ? style.fill : style.color;
    const two = [light(ink), light(behind(element))].sort((one, other) => other - one);
    const ratio = (two[0] + 0.05) / (two[1] + 0.05);
    if (ratio < 4.5) faint.push(`${ratio.toFixed(2)} ${name}`);
  }
  document.querySelector("pre").textContent = JSON.stringify({
    scroll: root.scrollWidth, client: wide, sticking, cut, faint, text: inside.body.innerText,
    dark: view.matchMedia("(prefers-color-scheme: dark)").matches,
    scripts: inside.scripts.length, background: view.getComputedStyle(root).backgroundColor,
  });
};
