import { type Problem, problemOf } from "./http";
import { headers, renewToken } from "./session";
import type { Upload } from "./wire";

export interface UploadFields {
  project?: string;
  document?: string;
}

/** Sends a file with progress (fetch cannot report it); 401 asks for a token and tries once more. */
export async function upload(
  file: File,
  fields: UploadFields,
  onFraction: (fraction: number) => void,
): Promise<Upload> {
  const first = await attempt(file, fields, onFraction);
  if (first.status === 401 && (await renewToken())) {
    return read(await attempt(file, fields, onFraction));
  }
  return read(first);
}

function read(request: XMLHttpRequest): Upload {
  if (request.status >= 200 && request.status < 300) return JSON.parse(request.responseText);
  throw problemOf(request.status, request.responseText) satisfies Problem;
}

function attempt(
  file: File,
  fields: UploadFields,
  onFraction: (fraction: number) => void,
): Promise<XMLHttpRequest> {
  const form = new FormData();
  if (fields.project) form.set("project", fields.project);
  if (fields.document) form.set("document", fields.document);
  form.set("file", file, file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/models");
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onFraction(event.loaded / event.total);
    };
    request.onload = () => resolve(request);
    request.onerror = () => reject(problemOf(0, ""));
    request.send(form);
  });
}
