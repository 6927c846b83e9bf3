// The texts of a page that can hardly be read: their contrast with what they stand on is below WCAG's 4.5.
// https://www.w3.org/TR/WCAG21/#contrast-minimum
(() => {
  const parsed = (color) => (color.match(/[\d.]+/g) || []).map(Number);
  const isSeen = (color) => color !== "none" && parsed(color).length >= 3 && parsed(color)[3] !== 0;
  const luminance = (color) => {
    const [r, g, b] = parsed(color).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const paint = (element) => {
    const style = getComputedStyle(element);
    if (!(element instanceof SVGElement)) return style.backgroundColor;
    return ["rect", "path"].includes(element.tagName) ? style.fill : "none"; // svg and g paint nothing
  };
  const ground = (element, box) => {
    const halo = getComputedStyle(element);
    if (element instanceof SVGElement && halo.paintOrder.startsWith("stroke")) return halo.stroke;
    const stack = document.elementsFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    const under = stack.slice(stack.indexOf(element) + 1).filter((each) => each.tagName !== "text");
    const found = [element, ...under].find(
      (each) => (each !== element || !(each instanceof SVGElement)) && isSeen(paint(each)),
    );
    return found ? paint(found) : getComputedStyle(document.body).backgroundColor;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  let seen = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (!node.data.trim() || element.tagName === "title" || box.width === 0) continue;
    seen += 1;
    const style = getComputedStyle(element);
    const ink = element instanceof SVGElement ? style.fill : style.color;
    const on = ground(element, box);
    if (contrast(ink, on) < 4.5) found.push(`${node.data.trim().slice(0, 40)}: ${ink} on ${on}`);
  }
  return { seen, found };
})();
