import { html, render } from "../common/view.js";

const page = document.getElementById("page");
if (page) render(html`<main><h1>student</h1></main>`, page);
