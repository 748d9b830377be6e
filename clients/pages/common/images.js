// The images of a question, beneath its text.

import { html } from "./view.js";

/** @import { Image } from "./content.js" */

/** @param {{images: Image[]}} props */
export const Images = ({ images }) =>
  html`${images.map(({ src, alt }) => html`<img class="figure" src=${src} alt=${alt} />`)}`;
