/** The geometry of the square around a face, in pixels of the upright picture. */

/** @typedef {{x: number, y: number, side: number}} Square */
/** @typedef {{width: number, height: number}} Size */

/** The side that a square has at least: below it, the networks would see nothing but a few enlarged pixels. */
export function smallest({ width, height }) {
  return Math.min(32, width, height);
}

/** The square of whole pixels inside the picture that is nearest. */
export function within({ x, y, side }, size) {
  const fits = Math.round(Math.min(Math.max(side, smallest(size)), size.width, size.height));
  return {
    x: Math.round(Math.min(Math.max(x, 0), size.width - fits)),
    y: Math.round(Math.min(Math.max(y, 0), size.height - fits)),
    side: fits,
  };
}

export function moved(square, dx, dy, size) {
  return within({ ...square, x: square.x + dx, y: square.y + dy }, size);
}

/** Resized about its centre. */
export function grown(square, pixels, size) {
  const side = Math.min(Math.max(square.side + pixels, smallest(size)), size.width, size.height);
  const shift = (square.side - side) / 2;
  return within({ x: square.x + shift, y: square.y + shift, side }, size);
}

/**
 * Resized by one corner; the opposite corner stays.
 *
 * @param {Square} square
 * @param {"nw"|"ne"|"sw"|"se"} corner
 * @param {number} pixels that the side grows by
 * @param {Size} size
 */
export function dragged(square, corner, pixels, size) {
  const west = corner.endsWith("w");
  const north = corner.startsWith("n");
  const roomX = west ? square.x + square.side : size.width - square.x;
  const roomY = north ? square.y + square.side : size.height - square.y;
  const side = Math.min(Math.max(square.side + pixels, smallest(size)), roomX, roomY);
  return within({
    x: west ? square.x + square.side - side : square.x,
    y: north ? square.y + square.side - side : square.y,
    side,
  }, size);
}

export const isSame = (one, other) => one.x === other.x && one.y === other.y && one.side === other.side;
