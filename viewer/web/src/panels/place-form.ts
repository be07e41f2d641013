import type { Vector3 } from "three";
import * as client from "../api/client";
import type { Model } from "../api/wire";
import { text } from "../city/texts";
import type { App } from "./app";
import { button, el } from "./dom";
import { complain } from "./toast";

/** "Place it here": a click on the ground, a slider for the rotation, a number for the height. */
export class PlaceForm {
  private readonly start = button({
    class: "primary small",
    text: text("placeHere"),
    testid: "place",
    on: { click: () => this.open() },
  });
  private readonly rotation = el("input", {
    testid: "place-rotation",
    attrs: { type: "range", min: "-180", max: "180", step: "1", value: "0" },
    on: { input: () => this.draw() },
  });
  private readonly degrees = el("output", { text: "0°" });
  private readonly height = el("input", {
    testid: "place-height",
    attrs: { type: "number", step: "0.1", value: "0" },
  });
  private readonly confirm = button({
    class: "primary small",
    text: text("confirmPlace"),
    testid: "place-confirm",
    on: { click: () => void this.send().catch(complain) },
  });
  private readonly hint = el("p", { class: "muted", text: text("placeClick") });
  private readonly form = el(
    "div",
    { class: "place-form" },
    this.hint,
    el(
      "label",
      { class: "field" },
      el("span", { text: text("rotation") }),
      this.rotation,
      this.degrees,
    ),
    el("label", { class: "field" }, el("span", { text: text("height") }), this.height, "m"),
    el(
      "div",
      { class: "row" },
      button({ class: "small", text: text("cancel"), on: { click: () => this.close() } }),
      this.confirm,
    ),
  );
  readonly node = el("div", {}, this.start, this.form);
  private point: Vector3 | null = null;

  constructor(
    private readonly app: App,
    private readonly model: Model,
    private readonly onPlaced: () => Promise<void>,
  ) {
    this.form.hidden = true;
    this.confirm.disabled = true;
    this.height.value = app.frame.home.height_m.toFixed(1);
  }

  private open(): void {
    this.form.hidden = false;
    this.start.hidden = true;
    this.app.stage.canvas.classList.add("placing");
    this.app.captureClick((x, y) => {
      this.point = this.app.placing.ground(x, y);
      this.confirm.disabled = this.point === null;
      this.draw();
    });
  }

  private close(): void {
    this.form.hidden = true;
    this.start.hidden = false;
    this.point = null;
    this.app.stage.canvas.classList.remove("placing");
    this.app.captureClick(null);
    this.app.placing.hide();
  }

  private draw(): void {
    this.degrees.textContent = `${this.rotation.value}°`;
    if (!this.point) return;
    const at = this.app.frame.geographic([this.point.x, this.point.y, this.point.z]);
    this.hint.textContent = `${at.lon.toFixed(6)}, ${at.lat.toFixed(6)}`;
    this.app.placing.show(this.point, Number(this.rotation.value));
  }

  private async send(): Promise<void> {
    if (!this.point) return;
    const { lon, lat } = this.app.frame.geographic([this.point.x, this.point.y, this.point.z]);
    await client.place(this.model.id, {
      lon,
      lat,
      height_m: Number(this.height.value) || 0,
      rotation_deg: Number(this.rotation.value),
    });
    this.close();
    await this.onPlaced();
  }
}
