// Starts Swagger UI on the document of this service.

// Its dark look is a class, which it sets by a button alone.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

/** A token in an answer, of `POST /v1/auth/sign-in` for one, authorizes the requests that follow. */
function authorize(response) {
  const token = response.ok ? response.obj?.token : undefined;
  if (typeof token === "string") ui.preauthorizeApiKey("session", token);
  return response;
}

const ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  // The permission that an operation needs, and the roles that have it.
  showExtensions: true,
  tryItOutEnabled: true,
  // By default Swagger UI asks a server of its makers.
  validatorUrl: null,
  responseInterceptor: authorize,
  // The token alone says who sends a request, as with any client elsewhere. The cookie of the page at / is not sent.
  requestInterceptor: (request) => ({ ...request, credentials: "omit" }),
});
