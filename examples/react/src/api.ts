/* eslint-disable */
// Written by `client ts` from the OpenAPI document of app 0.1.0. Do not edit it: write it again.

/** A client of app 0.1.0: `const api = createClient({ baseUrl: "https://api.example.com" })`. */
export type Client = ReturnType<typeof createClient>;

/** Makes a client. Each operation is a function by its name in the API's document. */
export function createClient(options: ClientOptions = {}) {
  const connection = new Connection(options);
  return {
    /**
     * Whether the process runs. Restart it if this fails.
     *
     * `GET /healthz`
     */
    healthz: (_args: NoArgs = {}, options?: CallOptions) =>
      call<Health, number>(connection, options, {
        method: "GET",
        path: "/healthz",
        accept: "application/json",
      }),

    /**
     * Metrics for Prometheus, with OpenTelemetry's names. `Accept: application/openmetrics-text` asks for the
     * OpenMetrics format, in which durations of requests, jobs and statements have exemplars: ids of traces that the
     * console shows. If `metrics.password` is set, send it as a bearer token, or as the password of basic
     * authentication with any name.
     *
     * `GET /metrics`
     */
    metrics: (_args: NoArgs = {}, options?: CallOptions) =>
      call<string, 401>(connection, options, {
        method: "GET",
        path: "/metrics",
        accept: "text/plain",
        read: "text",
      }),

    /**
     * Whether the process can serve requests: the database answers and accepts writes, checked at most once a second.
     * Send no requests here while this is 503; the problem says why.
     *
     * `GET /readyz`
     */
    readyz: (_args: NoArgs = {}, options?: CallOptions) =>
      call<Health, 503>(connection, options, {
        method: "GET",
        path: "/readyz",
        accept: "application/json",
      }),

    /**
     * The API keys of the organization, the newest first.
     *
     * `GET /v1/api-keys`, with the permission `api_keys.write`
     */
    listApiKeys: (args: ListApiKeysArgs = {}, options?: CallOptions) =>
      list<ApiKeyView, ListingApiKeyView, 400 | 401 | 403>(connection, options, {
        method: "GET",
        path: "/v1/api-keys",
        query: { limit: args.limit, cursor: args.cursor },
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Makes an API key: with it a program works in this organization.
     *
     * The key can do no more than you can: it loses a permission when you lose it, and ends when you leave the
     * organization. Until your address is confirmed, it ends as well when somebody takes the account over by mail,
     * such as by a forgotten password. The password must have been typed within the last ten minutes: at sign-in, or
     * with `POST /v1/auth/sudo`.
     *
     * `POST /v1/api-keys`, with the permission `api_keys.write`
     */
    createApiKey: (args: CreateApiKeyArgs, options?: CallOptions) =>
      call<IssuedApiKey, 400 | 401 | 403 | 413 | 415 | 422>(connection, options, {
        method: "POST",
        path: "/v1/api-keys",
        body: JSON.stringify(args.body),
        type: "application/json",
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Revokes an API key: it stops working at once.
     *
     * A key of somebody with a role above your own is out of your reach.
     *
     * `DELETE /v1/api-keys/{id}`, with the permission `api_keys.write`
     */
    revokeApiKey: (args: RevokeApiKeyArgs, options?: CallOptions) =>
      call<void, 400 | 401 | 403 | 404>(connection, options, {
        method: "DELETE",
        path: `/v1/api-keys/${segment(args.id)}`,
        read: "nothing",
        session: "needed",
      }),

    /**
     * Your account: its address, and how it is secured.
     *
     * `GET /v1/auth/account`
     */
    getAccount: (_args: NoArgs = {}, options?: CallOptions) =>
      call<AccountView, 401 | 403>(connection, options, {
        method: "GET",
        path: "/v1/auth/account",
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Asks for another address to sign in with: both the old and the new one get a link, and the address changes when
     * both were followed, that of the new one where you are signed in.
     *
     * The password must have been typed within the last ten minutes: at sign-in, or with `POST /v1/auth/sudo`.
     *
     * `POST /v1/auth/email`
     */
    changeAddress: (args: ChangeAddressArgs, options?: CallOptions) =>
      call<void, 400 | 401 | 403 | 413 | 415 | 422 | 429>(connection, options, {
        method: "POST",
        path: "/v1/auth/email",
        body: JSON.stringify(args.body),
        type: "application/json",
        read: "nothing",
        session: "needed",
      }),

    /**
     * Mails a link to choose a new password.
     *
     * The answer is the same whether or not there is such an account.
     *
     * `POST /v1/auth/forgot`
     */
    forgotPassword: (args: ForgotPasswordArgs, options?: CallOptions) =>
      call<void, 400 | 413 | 415 | 422 | 429>(connection, options, {
        method: "POST",
        path: "/v1/auth/forgot",
        body: JSON.stringify(args.body),
        type: "application/json",
        read: "nothing",
      }),

    /**
     * The accounts at providers that are linked to yours.
     *
     * `GET /v1/auth/identities`
     */
    listIdentities: (_args: NoArgs = {}, options?: CallOptions) =>
      call<IdentityList, 401 | 403>(connection, options, {
        method: "GET",
        path: "/v1/auth/identities",
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Ends the link to an account at a provider. Sessions stay.
     *
     * The password must have been typed within the last ten minutes, if the account has one: at sign-in, or with
     * `POST /v1/auth/sudo`. The last one of an account without a password is a 409, as is one beside which all others
     * are of providers that are not configured any more: choose a password first, by `POST /v1/auth/forgot`.
     *
     * `DELETE /v1/auth/identities/{id}`
     */
    removeIdentity: (args: RemoveIdentityArgs, options?: CallOptions) =>
      call<void, 400 | 401 | 403 | 404 | 409>(connection, options, {
        method: "DELETE",
        path: `/v1/auth/identities/${segment(args.id)}`,
        read: "nothing",
        session: "needed",
      }),

    /**
     * Mails a link that signs in.
     *
     * The answer is the same whether or not there is such an account.
     *
     * `POST /v1/auth/link`
     */
    requestLink: (args: RequestLinkArgs, options?: CallOptions) =>
      call<void, 400 | 413 | 415 | 422 | 429>(connection, options, {
        method: "POST",
        path: "/v1/auth/link",
        body: JSON.stringify(args.body),
        type: "application/json",
        read: "nothing",
      }),

    /**
     * Signs in with the token of a link that was mailed.
     *
     * An account with a second factor gets a 401 `second-factor-required` with a `challenge`, as at sign-in. If its
     * address was not confirmed and the request is not signed in with it, its password and sessions end: somebody
     * else may have signed up with the address. A token works once. Every token that does not work gets the same 404.
     *
     * `POST /v1/auth/link/accept`
     */
    acceptLink: (args: AcceptLinkArgs, options?: CallOptions) =>
      call<SignedIn, 400 | 401 | 403 | 404 | 413 | 415 | 422>(connection, options, {
        method: "POST",
        path: "/v1/auth/link/accept",
        body: JSON.stringify(args.body),
        type: "application/json",
        accept: "application/json",
        token: "starts",
      }),

    /**
     * Changes your password and ends your other sessions.
     *
     * The old password must have been typed within the last ten minutes: at sign-in, or with `POST /v1/auth/sudo`.
     *
     * `POST /v1/auth/password`
     */
    changePassword: (args: ChangePasswordArgs, options?: CallOptions) =>
      call<void, 400 | 401 | 403 | 413 | 415 | 422>(connection, options, {
        method: "POST",
        path: "/v1/auth/password",
        body: JSON.stringify(args.body),
        type: "application/json",
        read: "nothing",
        session: "needed",
      }),

    /**
     * Changes your own profile and settings in this organization.
     *
     * `PATCH /v1/auth/profile`
     */
    patchProfile: (args: PatchProfileArgs, options?: CallOptions) =>
      call<UserView, 400 | 401 | 403 | 413 | 415 | 422>(connection, options, {
        method: "PATCH",
        path: "/v1/auth/profile",
        body: JSON.stringify(args.body),
        type: "application/json",
        accept: "application/json",
        session: "needed",
      }),

    /**
     * The providers that people can sign in with, such as Google.
     *
     * `GET /v1/auth/providers`
     */
    listProviders: (_args: NoArgs = {}, options?: CallOptions) =>
      call<ProviderList, number>(connection, options, {
        method: "GET",
        path: "/v1/auth/providers",
        accept: "application/json",
      }),

    /**
     * Begins to link an account at a provider to yours, so that you can sign in with it.
     *
     * The answer sets a cookie that the browser shows when the provider sends it back; then the account is linked.
     * The password must have been typed within the last ten minutes: at sign-in, or with `POST /v1/auth/sudo`.
     *
     * `POST /v1/auth/providers/link`
     */
    linkProvider: (args: LinkProviderArgs, options?: CallOptions) =>
      call<ProviderAddress, 400 | 401 | 403 | 404 | 413 | 415 | 422 | 429 | 502>(connection, options, {
        method: "POST",
        path: "/v1/auth/providers/link",
        body: JSON.stringify(args.body),
        type: "application/json",
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Sets a new password with the token of a link that was mailed, and ends all sessions of the account.
     *
     * A token works once. Every token that does not work gets the same 404.
     *
     * `POST /v1/auth/reset`
     */
    resetPassword: (args: ResetPasswordArgs, options?: CallOptions) =>
      call<void, 400 | 404 | 413 | 415 | 422>(connection, options, {
        method: "POST",
        path: "/v1/auth/reset",
        body: JSON.stringify(args.body),
        type: "application/json",
        read: "nothing",
      }),

    /**
     * Signs in with a code of the second factor.
     *
     * A wrong code, and a challenge that is unknown, was used or is older than ten minutes, get the same 401. After
     * several wrong codes there is a wait, as at sign-in.
     *
     * `POST /v1/auth/second-factor`
     */
    answerSecondFactor: (args: AnswerSecondFactorArgs, options?: CallOptions) =>
      call<SignedIn, 400 | 401 | 413 | 415 | 422 | 429>(connection, options, {
        method: "POST",
        path: "/v1/auth/second-factor",
        body: JSON.stringify(args.body),
        type: "application/json",
        accept: "application/json",
        token: "starts",
      }),

    /**
     * Your user, organization and permissions, and your other organizations: for a page that was reloaded and has
     * only its cookie.
     *
     * `GET /v1/auth/session`
     */
    currentSession: (_args: NoArgs = {}, options?: CallOptions) =>
      call<CurrentSession, 401 | 403>(connection, options, {
        method: "GET",
        path: "/v1/auth/session",
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Signs all your other devices out, in all organizations. Their tokens stop working at once.
     *
     * `DELETE /v1/auth/sessions`
     */
    endOtherSessions: (_args: NoArgs = {}, options?: CallOptions) =>
      call<void, 401 | 403>(connection, options, {
        method: "DELETE",
        path: "/v1/auth/sessions",
        read: "nothing",
        session: "needed",
      }),

    /**
     * Your sessions, in all organizations: device, address and last use.
     *
     * `GET /v1/auth/sessions`
     */
    listSessions: (args: ListSessionsArgs = {}, options?: CallOptions) =>
      call<Devices, 400 | 401 | 403>(connection, options, {
        method: "GET",
        path: "/v1/auth/sessions",
        query: { limit: args.limit },
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Signs another device of yours out. Its token stops working at once.
     *
     * The session of the request itself ends with sign-out: here it is a 409.
     *
     * `DELETE /v1/auth/sessions/{id}`
     */
    endSession: (args: EndSessionArgs, options?: CallOptions) =>
      call<void, 400 | 401 | 403 | 404 | 409>(connection, options, {
        method: "DELETE",
        path: `/v1/auth/sessions/${segment(args.id)}`,
        read: "nothing",
        session: "needed",
      }),

    /**
     * Signs in with email and password.
     *
     * An unknown address, a wrong password and a foreign organization get the same 401 after about the same time; the
     * first sign-in with a password that was brought from another system may take longer. After several of them in a
     * row, for one account or from one address, each attempt is a 429 until `Retry-After` is over, the right password
     * too. If `auth.unconfirmed_sign_in` is false, an account whose address is not confirmed gets a 403, and a mail
     * with a link that confirms it.
     *
     * An account with a second factor gets a 401 `second-factor-required` with a `challenge`: `POST
     * /v1/auth/second-factor` takes it.
     *
     * `POST /v1/auth/sign-in`
     */
    signIn: (args: SignInArgs, options?: CallOptions) =>
      call<SignedIn, 400 | 401 | 403 | 413 | 415 | 422 | 429>(connection, options, {
        method: "POST",
        path: "/v1/auth/sign-in",
        body: JSON.stringify(args.body),
        type: "application/json",
        accept: "application/json",
        token: "starts",
      }),

    /**
     * Ends the session. Its token stops working at once.
     *
     * `POST /v1/auth/sign-out`
     */
    signOut: (_args: NoArgs = {}, options?: CallOptions) =>
      call<void, 401 | 403>(connection, options, {
        method: "POST",
        path: "/v1/auth/sign-out",
        read: "nothing",
        session: "needed",
        token: "ends",
      }),

    /**
     * Creates an account, an organization and its owner, mails a link to confirm the address, and signs in.
     *
     * If `auth.unconfirmed_sign_in` is false, the answer is a 202 and nobody is signed in: first the address must be
     * confirmed. A taken address is a 409. A person who has left all organizations founds one with the account and
     * the password that are there; one with a second factor then gets a 401 `second-factor-required` with a
     * `challenge`, as at sign-in.
     *
     * `POST /v1/auth/sign-up`
     */
    signUp: (args: SignUpArgs, options?: CallOptions) =>
      call<SignedIn | undefined, 400 | 401 | 409 | 413 | 415 | 422 | 429>(connection, options, {
        method: "POST",
        path: "/v1/auth/sign-up",
        body: JSON.stringify(args.body),
        type: "application/json",
        accept: "application/json",
        token: "starts",
      }),

    /**
     * Shows that the session is still yours, by your password. For ten minutes it may then do what is dangerous.
     *
     * Wrong passwords are counted as those of sign-in.
     *
     * `POST /v1/auth/sudo`
     */
    enterSudo: (args: EnterSudoArgs, options?: CallOptions) =>
      call<void, 400 | 401 | 403 | 413 | 415 | 422 | 429>(connection, options, {
        method: "POST",
        path: "/v1/auth/sudo",
        body: JSON.stringify(args.body),
        type: "application/json",
        read: "nothing",
        session: "needed",
      }),

    /**
     * Opens a session in another organization of the same person. The old session stays, since another tab may use
     * it.
     *
     * `POST /v1/auth/switch`
     */
    switch: (args: SwitchArgs, options?: CallOptions) =>
      call<SignedIn, 400 | 401 | 403 | 404 | 413 | 415 | 422>(connection, options, {
        method: "POST",
        path: "/v1/auth/switch",
        body: JSON.stringify(args.body),
        type: "application/json",
        accept: "application/json",
        session: "needed",
        token: "starts",
      }),

    /**
     * Removes the second factor and its recovery codes. Your sessions in organizations that require one stop working
     * until you have set up another.
     *
     * The password must have been typed within the last ten minutes: at sign-in, or with `POST /v1/auth/sudo`.
     *
     * `DELETE /v1/auth/totp`
     */
    removeTotp: (_args: NoArgs = {}, options?: CallOptions) =>
      call<void, 401 | 403 | 404>(connection, options, {
        method: "DELETE",
        path: "/v1/auth/totp",
        read: "nothing",
        session: "needed",
      }),

    /**
     * Begins a second factor: gives the secret for an authenticator application. Sign-in asks for it once it is
     * confirmed.
     *
     * An account that has a second factor gets a 409. Confirm your address as well: until then, whoever reads its
     * mails may take the account over, second factor and all. The password must have been typed within the last ten
     * minutes: at sign-in, or with `POST /v1/auth/sudo`.
     *
     * `POST /v1/auth/totp`
     */
    setUpTotp: (_args: NoArgs = {}, options?: CallOptions) =>
      call<TotpSecret, 401 | 403 | 409>(connection, options, {
        method: "POST",
        path: "/v1/auth/totp",
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Confirms the second factor with a code of the application, and gives recovery codes. Your other sessions end:
     * they were opened without it.
     *
     * A wrong code is a 422; after several of them there is a wait, as at sign-in.
     *
     * `POST /v1/auth/totp/confirm`
     */
    confirmTotp: (args: ConfirmTotpArgs, options?: CallOptions) =>
      call<RecoveryCodes, 400 | 401 | 403 | 404 | 409 | 413 | 415 | 422 | 429>(connection, options, {
        method: "POST",
        path: "/v1/auth/totp/confirm",
        body: JSON.stringify(args.body),
        type: "application/json",
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Gives new recovery codes in place of those that you have.
     *
     * Without a confirmed second factor it is a 404. The password must have been typed within the last ten minutes:
     * at sign-in, or with `POST /v1/auth/sudo`.
     *
     * `POST /v1/auth/totp/recovery-codes`
     */
    renewRecoveryCodes: (_args: NoArgs = {}, options?: CallOptions) =>
      call<RecoveryCodes, 401 | 403 | 404>(connection, options, {
        method: "POST",
        path: "/v1/auth/totp/recovery-codes",
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Confirms an address with the token of a link that was mailed to it.
     *
     * Send it where you have signed in with the password, or with the password. Otherwise it shows only that mails
     * arrive, not that they reach the person who has signed up: until that is shown, a reset, a link to sign in or an
     * invitation ends what was there before, such as password, API keys and second factor, since they may be a
     * stranger's.
     *
     * A change of address happens when the old and the new address have confirmed it. The new one is confirmed with
     * the password, in the request or typed within the last ten minutes; otherwise it was only shown that mails
     * arrive.
     *
     * A token works once. Every token that does not work gets the same 404; a wrong password is a 401 and uses
     * nothing up.
     *
     * `POST /v1/auth/verify`
     */
    verifyAddress: (args: VerifyAddressArgs, options?: CallOptions) =>
      call<void, 400 | 401 | 404 | 409 | 413 | 415 | 422 | 429>(connection, options, {
        method: "POST",
        path: "/v1/auth/verify",
        body: JSON.stringify(args.body),
        type: "application/json",
        read: "nothing",
      }),

    /**
     * Mails the link to confirm your address again. Nothing is sent if it is confirmed. Follow it where you are
     * signed in.
     *
     * `POST /v1/auth/verify/send`
     */
    resendVerification: (_args: NoArgs = {}, options?: CallOptions) =>
      call<void, 401 | 403 | 429>(connection, options, {
        method: "POST",
        path: "/v1/auth/verify/send",
        read: "nothing",
        session: "needed",
      }),

    /**
     * The files of the organization, newest first.
     *
     * `GET /v1/files`, with the permission `files.read`
     */
    listFiles: (args: ListFilesArgs = {}, options?: CallOptions) =>
      list<FileView, ListingFileView, 400 | 401 | 403>(connection, options, {
        method: "GET",
        path: "/v1/files",
        query: { limit: args.limit, cursor: args.cursor },
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Uploads a file: the body is its bytes, of any type. It is stored before the response, and processed after it.
     *
     * `POST /v1/files`, with the permission `files.write`
     */
    uploadFile: (args: UploadFileArgs, options?: UploadOptions) =>
      upload<Accepted, 400 | 401 | 402 | 403 | 413 | 415>(connection, options, args.body, {
        method: "POST",
        path: "/v1/files",
        query: { name: args.name },
        headers: { "Content-Digest": args.contentDigest, "X-Checksum-Sha256": args.xChecksumSha256 },
        type: "application/octet-stream",
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Deletes a file. Its bytes are removed soon after.
     *
     * `DELETE /v1/files/{id}`, with the permission `files.write`
     */
    deleteFile: (args: DeleteFileArgs, options?: CallOptions) =>
      call<void, 400 | 401 | 403 | 404>(connection, options, {
        method: "DELETE",
        path: `/v1/files/${segment(args.id)}`,
        read: "nothing",
        session: "needed",
      }),

    /**
     * One file of the organization, with its progress.
     *
     * `GET /v1/files/{id}`, with the permission `files.read`
     */
    getFile: (args: GetFileArgs, options?: CallOptions) =>
      call<FileView, 400 | 401 | 403 | 404>(connection, options, {
        method: "GET",
        path: `/v1/files/${segment(args.id)}`,
        accept: "application/json",
        session: "needed",
      }),

    /**
     * The bytes of a file; `Range` selects a part.
     *
     * `GET /v1/files/{id}/content`, with the permission `files.read`
     */
    fileContent: (args: FileContentArgs, options?: CallOptions) =>
      call<Response, 400 | 401 | 403 | 404 | 416>(connection, options, {
        method: "GET",
        path: `/v1/files/${segment(args.id)}/content`,
        headers: { Range: args.range },
        accept: "*/*",
        read: "response",
        session: "needed",
      }),

    /**
     * The progress of a file's processing, as Server-Sent Events: `progress` with percent and message, and at the end
     * `ready` or `failed` with the file. `Last-Event-ID` continues an interrupted stream.
     *
     * `GET /v1/files/{id}/events`, with the permission `files.read`
     */
    fileEvents: (args: FileEventsArgs, options?: StreamOptions) =>
      stream<FileEvent>(connection, options, {
        method: "GET",
        path: `/v1/files/${segment(args.id)}/events`,
        accept: "text/event-stream",
        session: "needed",
      }),

    /**
     * A small picture of an image, a PNG of at most 256 pixels on a side.
     *
     * `GET /v1/files/{id}/thumbnail`, with the permission `files.read`
     */
    fileThumbnail: (args: FileThumbnailArgs, options?: CallOptions) =>
      call<Response, 400 | 401 | 403 | 404 | 416>(connection, options, {
        method: "GET",
        path: `/v1/files/${segment(args.id)}/thumbnail`,
        accept: "image/png",
        read: "response",
        session: "needed",
      }),

    /**
     * The invitations that nobody has accepted yet, the newest first.
     *
     * `GET /v1/invitations`, with the permission `members.write`
     */
    listInvitations: (args: ListInvitationsArgs = {}, options?: CallOptions) =>
      list<InvitationView, ListingInvitationView, 400 | 401 | 403>(connection, options, {
        method: "GET",
        path: "/v1/invitations",
        query: { limit: args.limit, cursor: args.cursor },
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Invites somebody, with or without an account, by a mail whose link works for seven days.
     *
     * An address that is invited already, or is that of a user of the organization, is a 409. Nobody gives a role
     * above their own; an invitation works as long as its inviter could make it. A mail must have reached your
     * address, else it is a 403 `address-unconfirmed`; after many mails a client's address has to wait, and an
     * organization after 20 invitations on its first day, a 429. To invite an owner, the password must have been
     * typed within the last ten minutes: at sign-in, or with `POST /v1/auth/sudo`.
     *
     * `POST /v1/invitations`, with the permission `members.write`
     */
    createInvitation: (args: CreateInvitationArgs, options?: CallOptions) =>
      call<InvitationView, 400 | 401 | 403 | 409 | 413 | 415 | 422 | 429>(connection, options, {
        method: "POST",
        path: "/v1/invitations",
        body: JSON.stringify(args.body),
        type: "application/json",
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Joins the organization of an invitation.
     *
     * A person without an account gets one, with the address of the invitation, and is signed in there; `password` is
     * required, else a 422. A person with an account is signed in there if the request is signed in with that
     * account; else the answer is a 204, and the person signs in: the mail may have been passed on. If the account's
     * address was not confirmed and the request is not signed in with it, its password and sessions end: somebody
     * else may have signed up with the address. A token works once. Every token that does not work gets the same 404,
     * and so does one of a user who could not invite any more.
     *
     * `POST /v1/invitations/accept`
     */
    acceptInvitation: (args: AcceptInvitationArgs, options?: CallOptions) =>
      call<SignedIn | undefined, 400 | 401 | 404 | 409 | 413 | 415 | 422>(connection, options, {
        method: "POST",
        path: "/v1/invitations/accept",
        body: JSON.stringify(args.body),
        type: "application/json",
        accept: "application/json",
        token: "starts",
      }),

    /**
     * Takes an invitation back: its link stops working.
     *
     * `DELETE /v1/invitations/{id}`, with the permission `members.write`
     */
    revokeInvitation: (args: RevokeInvitationArgs, options?: CallOptions) =>
      call<void, 400 | 401 | 403 | 404>(connection, options, {
        method: "DELETE",
        path: `/v1/invitations/${segment(args.id)}`,
        read: "nothing",
        session: "needed",
      }),

    /**
     * Which of the watched resources have changed, as Server-Sent Events: `changed` with the paths to fetch again.
     *
     * Any path of this API whose GET answers JSON can be watched, with its query string, percent-encoded. The first
     * event names all of them: fetch what an event names, and nothing is missed. With `Last-Event-ID` the first event
     * names only those that have changed since. Changes that come close together are told once.
     *
     * `GET /v1/live`
     */
    liveUpdates: (args: LiveUpdatesArgs, options?: StreamOptions) =>
      stream<LiveUpdate>(connection, options, {
        method: "GET",
        path: "/v1/live",
        query: { watch: args.watch },
        accept: "text/event-stream",
        session: "needed",
      }),

    /**
     * Your notifications, newest first, and the number of unread ones.
     *
     * `GET /v1/notifications`
     */
    listNotifications: (args: ListNotificationsArgs = {}, options?: CallOptions) =>
      list<NotificationView, Notifications, 400 | 401 | 403>(connection, options, {
        method: "GET",
        path: "/v1/notifications",
        query: { limit: args.limit, cursor: args.cursor },
        accept: "application/json",
        session: "needed",
      }),

    /**
     * New notifications as Server-Sent Events: `notification` with the notification as in the list, and `unread` with
     * `{"unread": n}`, first at the start and then whenever the number changes. With `Last-Event-ID` the stream
     * continues after that event; without it, it starts now.
     *
     * `GET /v1/notifications/events`
     */
    notificationEvents: (_args: NoArgs = {}, options?: StreamOptions) =>
      stream<NotificationEvent>(connection, options, {
        method: "GET",
        path: "/v1/notifications/events",
        accept: "text/event-stream",
        session: "needed",
      }),

    /**
     * By which channels each kind of notification reaches you in this organization, all kinds, in the order of their
     * names. What you have not chosen follows the kind's default.
     *
     * `GET /v1/notifications/preferences`
     */
    listNotificationPreferences: (_args: NoArgs = {}, options?: CallOptions) =>
      call<NotificationPreferences, 401 | 403>(connection, options, {
        method: "GET",
        path: "/v1/notifications/preferences",
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Chooses by which channels a kind of notification reaches you in this organization. A kind that no module
     * declares is a 422 that names those that there are.
     *
     * `PATCH /v1/notifications/preferences`
     */
    patchNotificationPreference: (args: PatchNotificationPreferenceArgs, options?: CallOptions) =>
      call<NotificationPreference, 400 | 401 | 403 | 413 | 415 | 422>(connection, options, {
        method: "PATCH",
        path: "/v1/notifications/preferences",
        body: JSON.stringify(args.body),
        type: "application/json",
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Marks all notifications until now as read.
     *
     * `POST /v1/notifications/read-all`
     */
    readAllNotifications: (_args: NoArgs = {}, options?: CallOptions) =>
      call<void, 401 | 403>(connection, options, {
        method: "POST",
        path: "/v1/notifications/read-all",
        read: "nothing",
        session: "needed",
      }),

    /**
     * Marks a notification as read. Repeating it does not change the time.
     *
     * `POST /v1/notifications/{id}/read`
     */
    readNotification: (args: ReadNotificationArgs, options?: CallOptions) =>
      call<void, 400 | 401 | 403 | 404>(connection, options, {
        method: "POST",
        path: `/v1/notifications/${segment(args.id)}/read`,
        read: "nothing",
        session: "needed",
      }),

    /**
     * The organization that the session works in.
     *
     * `GET /v1/organization`, with the permission `members.read`
     */
    getOrganization: (_args: NoArgs = {}, options?: CallOptions) =>
      call<OrganizationSettings, 401 | 403>(connection, options, {
        method: "GET",
        path: "/v1/organization",
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Renames the organization, or requires a second factor of everybody who works there.
     *
     * From then on, sessions of people without one get a 403 `second-factor-setup-required`, until the person has set
     * one up; API keys go on. Only one who has a second factor requires it of others: else a 409. To require one or
     * to require it no more, the password must have been typed within the last ten minutes: at sign-in, or with `POST
     * /v1/auth/sudo`.
     *
     * `PATCH /v1/organization`, with the permission `organization.write`
     */
    changeOrganization: (args: ChangeOrganizationArgs, options?: CallOptions) =>
      call<OrganizationSettings, 400 | 401 | 403 | 409 | 413 | 415 | 422>(connection, options, {
        method: "PATCH",
        path: "/v1/organization",
        body: JSON.stringify(args.body),
        type: "application/json",
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Closes the organization. Sessions, API keys and invitations stop working there at once: a 403
     * `organization-closed`, and streams end.
     *
     * Nothing is deleted before `erased_at` (`auth.closing_pause`, 14 days unless set otherwise). Until then an owner
     * can reopen it: `POST /v1/organization/reopen`, in a session of the closed organization, which sign-in still
     * gives. Its owners get a mail now, and another one some days before the end. Then everything in it is erased,
     * with the accounts of those who belong to no other organization and are not suspended.
     *
     * The password must have been typed within the last ten minutes: at sign-in, or with `POST /v1/auth/sudo`.
     *
     * `POST /v1/organization/close`, with the permission `organization.write`
     */
    closeOrganization: (_args: NoArgs = {}, options?: CallOptions) =>
      call<ClosedOrganization, 401 | 403 | 409>(connection, options, {
        method: "POST",
        path: "/v1/organization/close",
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Leaves the organization: your sessions there end, and so do the API keys that you have made. The last owner
     * cannot leave: a 409.
     *
     * For an owner, the password must have been typed within the last ten minutes: at sign-in, or with `POST
     * /v1/auth/sudo`.
     *
     * `POST /v1/organization/leave`
     */
    leaveOrganization: (_args: NoArgs = {}, options?: CallOptions) =>
      call<void, 401 | 403 | 409>(connection, options, {
        method: "POST",
        path: "/v1/organization/leave",
        read: "nothing",
        session: "needed",
      }),

    /**
     * Reopens a closed organization: all work there again, with the sessions and API keys that they had.
     *
     * One that is being erased already is a 409. The password must have been typed within the last ten minutes: at
     * sign-in, or with `POST /v1/auth/sudo`.
     *
     * `POST /v1/organization/reopen`, with the permission `organization.write`
     */
    reopenOrganization: (_args: NoArgs = {}, options?: CallOptions) =>
      call<void, 401 | 403 | 409>(connection, options, {
        method: "POST",
        path: "/v1/organization/reopen",
        read: "nothing",
        session: "needed",
      }),

    /**
     * Makes another user an owner in your place; you become an admin. Owners are made and unmade with the password
     * alone, here and wherever a role is given.
     *
     * The password must have been typed within the last ten minutes: at sign-in, or with `POST /v1/auth/sudo`.
     *
     * `POST /v1/organization/transfer`
     */
    transferOwnership: (args: TransferOwnershipArgs, options?: CallOptions) =>
      call<void, 400 | 401 | 403 | 404 | 413 | 415 | 422>(connection, options, {
        method: "POST",
        path: "/v1/organization/transfer",
        body: JSON.stringify(args.body),
        type: "application/json",
        read: "nothing",
        session: "needed",
      }),

    /**
     * The projects of the organization, newest first.
     *
     * `GET /v1/projects`, with the permission `projects.read`
     */
    listProjects: (args: ListProjectsArgs = {}, options?: CallOptions) =>
      list<ProjectView, ListingProjectView, 400 | 401 | 403>(connection, options, {
        method: "GET",
        path: "/v1/projects",
        query: { limit: args.limit, cursor: args.cursor },
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Creates a project.
     *
     * `POST /v1/projects`, with the permission `projects.write`
     */
    createProject: (args: CreateProjectArgs, options?: CallOptions) =>
      call<ProjectView, 400 | 401 | 403 | 413 | 415 | 422>(connection, options, {
        method: "POST",
        path: "/v1/projects",
        body: JSON.stringify(args.body),
        type: "application/json",
        accept: "application/json",
        session: "needed",
      }),

    /**
     * One project of the organization.
     *
     * `GET /v1/projects/{id}`, with the permission `projects.read`
     */
    getProject: (args: GetProjectArgs, options?: CallOptions) =>
      call<ProjectView, 400 | 401 | 403 | 404>(connection, options, {
        method: "GET",
        path: `/v1/projects/${segment(args.id)}`,
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Changes a project's name, if the version in `If-Match` is the current one.
     *
     * `PATCH /v1/projects/{id}`, with the permission `projects.write`
     */
    patchProject: (args: PatchProjectArgs, options?: CallOptions) =>
      call<ProjectView, 400 | 401 | 403 | 404 | 412 | 413 | 415 | 422>(connection, options, {
        method: "PATCH",
        path: `/v1/projects/${segment(args.id)}`,
        headers: { "if-match": args.ifMatch },
        body: JSON.stringify(args.body),
        type: "application/json",
        accept: "application/json",
        session: "needed",
      }),

    /**
     * The tasks of a project, oldest first.
     *
     * `GET /v1/projects/{id}/tasks`, with the permission `projects.read`
     */
    listTasks: (args: ListTasksArgs, options?: CallOptions) =>
      list<TaskView, ListingTaskView, 400 | 401 | 403 | 404>(connection, options, {
        method: "GET",
        path: `/v1/projects/${segment(args.id)}/tasks`,
        query: { label: args.label, search: args.search, limit: args.limit, cursor: args.cursor },
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Creates an open task.
     *
     * `POST /v1/projects/{id}/tasks`, with the permission `projects.write`
     */
    createTask: (args: CreateTaskArgs, options?: CallOptions) =>
      call<TaskView, 400 | 401 | 403 | 404 | 413 | 415 | 422>(connection, options, {
        method: "POST",
        path: `/v1/projects/${segment(args.id)}/tasks`,
        body: JSON.stringify(args.body),
        type: "application/json",
        accept: "application/json",
        session: "needed",
      }),

    /**
     * One task.
     *
     * `GET /v1/tasks/{id}`, with the permission `projects.read`
     */
    getTask: (args: GetTaskArgs, options?: CallOptions) =>
      call<TaskView, 400 | 401 | 403 | 404>(connection, options, {
        method: "GET",
        path: `/v1/tasks/${segment(args.id)}`,
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Changes a task's title or status.
     *
     * `PATCH /v1/tasks/{id}`, with the permission `projects.write`
     */
    patchTask: (args: PatchTaskArgs, options?: CallOptions) =>
      call<TaskView, 400 | 401 | 403 | 404 | 413 | 415 | 422>(connection, options, {
        method: "PATCH",
        path: `/v1/tasks/${segment(args.id)}`,
        body: JSON.stringify(args.body),
        type: "application/json",
        accept: "application/json",
        session: "needed",
      }),

    /**
     * The users of the organization, ordered by email. The plain loop costs four statements in all.
     *
     * `GET /v1/users`, with the permission `members.read`
     */
    listUsers: (args: ListUsersArgs = {}, options?: CallOptions) =>
      list<UserView, ListingUserView, 400 | 401 | 403>(connection, options, {
        method: "GET",
        path: "/v1/users",
        query: { limit: args.limit, cursor: args.cursor },
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Takes a user out of the organization: the person's sessions there end, and so do the API keys that the person
     * has made.
     *
     * A role above your own is out of your reach. The last owner stays: a 409. To remove an owner, the password must
     * have been typed within the last ten minutes: at sign-in, or with `POST /v1/auth/sudo`.
     *
     * `DELETE /v1/users/{id}`, with the permission `members.write`
     */
    removeUser: (args: RemoveUserArgs, options?: CallOptions) =>
      call<void, 400 | 401 | 403 | 404 | 409>(connection, options, {
        method: "DELETE",
        path: `/v1/users/${segment(args.id)}`,
        read: "nothing",
        session: "needed",
      }),

    /**
     * One user of the organization.
     *
     * `GET /v1/users/{id}`, with the permission `members.read`
     */
    getUser: (args: GetUserArgs, options?: CallOptions) =>
      call<UserView, 400 | 401 | 403 | 404>(connection, options, {
        method: "GET",
        path: `/v1/users/${segment(args.id)}`,
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Changes a user's profile and settings.
     *
     * A user with a role above your own is out of your reach.
     *
     * `PATCH /v1/users/{id}`, with the permission `members.write`
     */
    patchUser: (args: PatchUserArgs, options?: CallOptions) =>
      call<UserView, 400 | 401 | 403 | 404 | 413 | 415 | 422>(connection, options, {
        method: "PATCH",
        path: `/v1/users/${segment(args.id)}`,
        body: JSON.stringify(args.body),
        type: "application/json",
        accept: "application/json",
        session: "needed",
      }),

    /**
     * Gives a user another role.
     *
     * Nobody gives a role above their own, or changes that of somebody who has one. The last owner stays one: a 409.
     * To make or unmake an owner, the password must have been typed within the last ten minutes: at sign-in, or with
     * `POST /v1/auth/sudo`.
     *
     * `PATCH /v1/users/{id}/role`, with the permission `members.write`
     */
    changeRole: (args: ChangeRoleArgs, options?: CallOptions) =>
      call<UserView, 400 | 401 | 403 | 404 | 409 | 413 | 415 | 422>(connection, options, {
        method: "PATCH",
        path: `/v1/users/${segment(args.id)}/role`,
        body: JSON.stringify(args.body),
        type: "application/json",
        accept: "application/json",
        session: "needed",
      }),
  };
}

// ---- Types --------------------------------------------------------------------------------------------------------

/** A text that is the id of something. Ids of different things are not assignable to each other, and texts are to all. */
type Id<Name extends string> = string & { readonly __id?: Name };

/** An accepted upload. */
export interface Accepted {
  id: FileId;
  status: FileStatus;
}

/** A person's account, the same in all organizations of the person. */
export interface AccountView {
  /**
   * Whether it was shown that the address is this person's. Until then, whoever reads its mails may take the account
   * over, and its API keys and second factor end.
   */
  address_confirmed: boolean;
  /** The address to sign in with. */
  email: string;
  /**
   * Whether there is a password. A person who has signed up with a provider has none, until `POST /v1/auth/forgot`.
   */
  password: boolean;
  /** Whether sign-in asks for a code of an authenticator application. */
  second_factor: boolean;
}

/** The token of a link, and what shows that it is the account's person who follows it. */
export interface AddressConfirmation {
  password?: string | null | undefined;
  /** What stands behind `token=` in the link. */
  token: string;
}

export type ApiKeyId = Id<"ApiKeyId">;

/** An API key, without its secret. */
export interface ApiKeyView {
  created_at: string;
  /** The user who made it. */
  created_by: UserId;
  /** When it stops working; null for never. */
  expires_at?: string | null | undefined;
  id: ApiKeyId;
  /** When it was last used; null for never. A use within five minutes of this is not noted. */
  last_used_at?: string | null | undefined;
  name: string;
  /** Those that it was given. It has those of them that its maker has now. */
  permissions: string[];
  /** What the key begins with, to know it by. */
  prefix: string;
}

/** The resources to fetch again. */
export interface ChangedResources {
  /** Their paths, as they were given. */
  watch: string[];
}

/** An organization that is closed. */
export interface ClosedOrganization {
  closed_at: string;
  /** When it will be erased. Until then an owner can reopen it. */
  erased_at: string;
  id: OrgId;
}

/** The session of a request, with its permissions. */
export type CurrentSession = SessionView & {
  limit?: SessionLimit | null | undefined;
  /** Your permissions in this organization, sorted: those of your role, and additional ones. */
  permissions: string[];
};

/** A session, as its person may know it again. */
export interface DeviceView {
  /** The network address from which it was opened; empty if that is not known. */
  address: string;
  created_at: string;
  /** Whether it is the session of this request. */
  current: boolean;
  /** What the browser or the program calls itself. */
  device: string;
  expires_at: string;
  id: SessionId;
  /**
   * When it was last used, as far as that is stored: many uses are stored at once, some minutes later. Null for one
   * of an older version.
   */
  last_seen_at?: string | null | undefined;
  /** The organization that it works in. */
  organization: OrgId;
}

/** Where a person is signed in. */
export interface Devices {
  /** The newest first, in all organizations. */
  items: DeviceView[];
}

export type Email = string;

/** Facts about a file's content, depending on its kind. */
export interface Facts {
  /** Tables: the number of fields in the first line. */
  columns?: number | null | undefined;
  /** Texts and tables that are not UTF-8: the IANA name of the encoding. */
  encoding?: string | null | undefined;
  /** Images: the height as displayed, in pixels. */
  height?: number | null | undefined;
  /** Intact images without a thumbnail: the reason. */
  no_thumbnail?: string | null | undefined;
  /** Tables: the number of lines after the first, which names the columns. */
  rows?: number | null | undefined;
  /** Images: the width as displayed, after EXIF rotation, in pixels. */
  width?: number | null | undefined;
  /** Texts: the number of words, separated by white space. */
  words?: number | null | undefined;
}

/** One fault of a request's body. */
export interface Fault {
  /** What is wrong there, and what is allowed. */
  detail: string;
  /** Where it is, as a JSON Pointer in a URI fragment (RFC 6901): `#/profile/display_name`. */
  pointer: string;
}

/** The events of a file's stream, for the OpenAPI document. */
export type FileEvent = {
  data: FileProgress;
  event: "progress";
} | {
  data: FileView;
  event: "ready";
} | {
  data: FileView;
  event: "failed";
};

export type FileId = Id<"FileId">;

/** How far the processing of a file is. */
export interface FileProgress {
  id: FileId;
  /** What the processing does or waits for. */
  message: string;
  /** 0 to 100. */
  percent: number;
}

/** The state of a file. */
export type FileStatus = "processing" | "ready" | "failed";

/** A file. */
export interface FileView {
  /** The type detected from its bytes; null until it is known. */
  content_type?: string | null | undefined;
  created_at: string;
  facts: Facts;
  id: FileId;
  /** What the processing does or waits for, or why it failed. */
  message: string;
  /** The name given by its owner; it says nothing about the type. */
  name: string;
  /** The progress of its processing, 0 to 100. */
  percent: number;
  /** In hexadecimal digits. */
  sha256: string;
  /** In bytes. */
  size: number;
  status: FileStatus;
  /** The path of its thumbnail; null if there is none. */
  thumbnail?: string | null | undefined;
  /** The user who uploaded it. */
  user_id: UserId;
}

/** A role that people are given. */
export type GrantedRole = "owner" | "admin" | "member";

export interface Health {
  /** `ok`. */
  status: string;
}

/** What a person can sign in with beside the password. */
export interface IdentityList {
  /** The oldest first. */
  items: IdentityView[];
}

/** An account at a provider. */
export interface IdentityView {
  created_at: string;
  /** The address that it gave when it was linked; empty if it gave none. */
  email: string;
  id: LinkedIdentityId;
  /** The provider's name in the settings, even if it is not configured any more. */
  provider: string;
  /** What people know the provider by. */
  title: string;
}

/** The token of an invitation, and the password of a new account. */
export interface InvitationAccepted {
  password?: NewPassword | null | undefined;
  /** What stands behind `token=` in the link. */
  token: string;
}

export type InvitationId = Id<"InvitationId">;

/** An invitation that nobody has accepted yet. */
export interface InvitationView {
  created_at: string;
  email: string;
  expires_at: string;
  id: InvitationId;
  /** The user who invited. */
  invited_by: UserId;
  role: Role;
}

/** An API key with its secret. */
export type IssuedApiKey = ApiKeyView & {
  /** Send it as `Authorization: Bearer`. It is shown this once. */
  key: string;
};

export type LinkedIdentityId = Id<"LinkedIdentityId">;

/** A page of a list, as a client receives it. */
export interface ListingApiKeyView {
  /** The page's items. */
  items: ApiKeyView[];
  /** The cursor of the next page; absent on the last page. */
  next_cursor?: string | null | undefined;
  /** The number of items on all pages, up to the list's own limit. Only set if the list counts them. */
  total?: number | null | undefined;
}

/** A page of a list, as a client receives it. */
export interface ListingFileView {
  /** The page's items. */
  items: FileView[];
  /** The cursor of the next page; absent on the last page. */
  next_cursor?: string | null | undefined;
  /** The number of items on all pages, up to the list's own limit. Only set if the list counts them. */
  total?: number | null | undefined;
}

/** A page of a list, as a client receives it. */
export interface ListingInvitationView {
  /** The page's items. */
  items: InvitationView[];
  /** The cursor of the next page; absent on the last page. */
  next_cursor?: string | null | undefined;
  /** The number of items on all pages, up to the list's own limit. Only set if the list counts them. */
  total?: number | null | undefined;
}

/** A page of a list, as a client receives it. */
export interface ListingProjectView {
  /** The page's items. */
  items: ProjectView[];
  /** The cursor of the next page; absent on the last page. */
  next_cursor?: string | null | undefined;
  /** The number of items on all pages, up to the list's own limit. Only set if the list counts them. */
  total?: number | null | undefined;
}

/** A page of a list, as a client receives it. */
export interface ListingTaskView {
  /** The page's items. */
  items: TaskView[];
  /** The cursor of the next page; absent on the last page. */
  next_cursor?: string | null | undefined;
  /** The number of items on all pages, up to the list's own limit. Only set if the list counts them. */
  total?: number | null | undefined;
}

/** A page of a list, as a client receives it. */
export interface ListingUserView {
  /** The page's items. */
  items: UserView[];
  /** The cursor of the next page; absent on the last page. */
  next_cursor?: string | null | undefined;
  /** The number of items on all pages, up to the list's own limit. Only set if the list counts them. */
  total?: number | null | undefined;
}

/** The events of the stream, for the OpenAPI document. */
export interface LiveUpdate {
  data: ChangedResources;
  event: "changed";
}

/** Whom a mail is for. */
export interface MailRequest {
  /** The address that the account signs in with. */
  email: Email;
}

/** A new API key. */
export interface NewApiKey {
  /** When it stops working; never if it is left out. */
  expires_at?: string | null | undefined;
  name: string;
  permissions: string[];
}

/** Whom to invite. */
export interface NewInvitation {
  email: Email;
  /** The role that the person will have. */
  role: GrantedRole;
}

export type NewPassword = string;

export interface NewProject {
  name: string;
}

export interface NewTask {
  title: string;
}

/** The events of the stream of notifications, for the OpenAPI document. */
export type NotificationEvent = {
  data: NotificationView;
  event: "notification";
} | {
  data: Unread;
  event: "unread";
};

export type NotificationId = Id<"NotificationId">;

/** By which channels a kind of notification reaches you. */
export interface NotificationPreference {
  /** Whether it is shown in the application. */
  in_app: boolean;
  /** The name of the kind. */
  kind: string;
  /** Whether it is mailed, if you have not read it in the application before. */
  mail: boolean;
  /** What people read. */
  title: string;
}

/** What to change of one kind; a channel that is left out stays as it is. */
export interface NotificationPreferencePatch {
  /** Whether it is shown in the application. */
  in_app?: boolean | null | undefined;
  kind: string;
  /** Whether it is mailed, if you have not read it in the application before. */
  mail?: boolean | null | undefined;
}

/** All kinds of notifications. */
export interface NotificationPreferences {
  items: NotificationPreference[];
}

/** A notification. */
export interface NotificationView {
  /** More text; may be empty. */
  body: string;
  created_at: string;
  id: NotificationId;
  /** The name of its kind, such as `file_ready`. */
  kind: string;
  /** The path, in this API, of what it is about; may be empty. */
  link: string;
  /** When you read it; null if you have not. */
  read_at?: string | null | undefined;
  title: string;
}

/** A page of notifications. */
export interface Notifications {
  /** The page's items. */
  items: NotificationView[];
  /** The cursor of the next page; absent on the last one. */
  next_cursor?: string | null | undefined;
  /** The number of unread ones on all pages; 1,000 means 1,000 or more. */
  unread: number;
}

export type OrgId = Id<"OrgId">;

/** The changes; omitted fields stay as they are. */
export interface OrganizationPatch {
  name?: string | null | undefined;
  /** Whether people need a second factor to work here. */
  second_factor_required?: boolean | null | undefined;
}

/** An organization, as its people see it. */
export interface OrganizationSettings {
  created_at: string;
  id: OrgId;
  name: string;
  /** Whether people need a second factor to work here. */
  second_factor_required: boolean;
}

/** An organization. */
export interface OrganizationView {
  /** When it will be erased, since it is closed: an owner can reopen it. Null if it is not closed. */
  erased_at?: string | null | undefined;
  id: OrgId;
  name: string;
}

/** Who becomes an owner. */
export interface OwnershipTransfer {
  user: UserId;
}

/** A new password. */
export interface PasswordChange {
  /** 8 characters to 1,024 bytes; neither one of the 3,000 most common passwords nor the address. */
  password: NewPassword;
}

/** The password of the signed-in person. */
export interface PasswordProof {
  password: string;
}

/** A new password, and the token that allows it. */
export interface PasswordReset {
  /** 8 characters to 1,024 bytes; neither one of the 3,000 most common passwords nor the address. */
  password: NewPassword;
  /** What stands behind `token=` in the link. */
  token: string;
}

/** An error for clients. It says what was wrong and what is allowed, and reveals no internals. */
export interface Problem {
  /** What was wrong, and what is allowed. */
  detail?: string | null | undefined;
  /** All faults of the body, with their places. */
  errors?: Fault[] | undefined;
  /** The HTTP status. */
  status: number;
  /** The kind of problem in a few words. */
  title: string;
  /** What kind of problem it is, as a stable URN: `urn:tenfold:problem:not-found`. */
  type: string;
}

export interface ProfilePatch {
  display_name?: string | null | undefined;
  title?: string | null | undefined;
}

/** A user's profile, as others see it. */
export interface ProfileView {
  display_name: string;
  title?: string | null | undefined;
}

export type ProjectId = Id<"ProjectId">;

/** The changes; omitted fields stay as they are. */
export interface ProjectPatch {
  name?: string | null | undefined;
}

/** A project. */
export interface ProjectView {
  created_at: string;
  id: ProjectId;
  name: string;
}

/** Where to go. */
export interface ProviderAddress {
  /** The provider's page. Open it in the browser that has sent the request, within ten minutes. */
  url: string;
}

/** Which provider. */
export interface ProviderChoice {
  /** A `name` of the providers' list. */
  provider: string;
}

/** The providers of this service. */
export interface ProviderList {
  /** By name. Empty where none is configured. */
  items: ProviderView[];
}

/** A provider to sign in with. */
export interface ProviderView {
  name: string;
  /** Where a browser begins to sign in with it: a path of this service, to be opened, not fetched. */
  start: string;
  /** What people know it by. */
  title: string;
}

/** What a person keeps for the day on which the application is lost. */
export interface RecoveryCodes {
  /** Each works once in place of a code of the application. They are shown this once. */
  recovery_codes: string[];
}

/** A user's role in an organization. Each role is a set of permissions, which the modules declare. */
export type Role = "owner" | "admin" | "member" | "custom";

/** A user's new role. */
export interface RoleChange {
  role: GrantedRole;
}

/** A code for a sign-in that waits. */
export interface SecondFactorAnswer {
  /** The `challenge` of the sign-in's 401. */
  challenge: string;
  /** Six digits of the authenticator application, or a recovery code. */
  code: string;
}

export type SessionId = Id<"SessionId">;

/** Why a session is limited. */
export type SessionLimit = "second_factor" | "closed" | "suspended";

/** The signed-in user, and the organization. */
export interface SessionView {
  /** The organization that the session is in. */
  organization: OrganizationView;
  /** The organizations that you can switch to. Of more than 100, the current one and the 100 used last. */
  organizations: OrganizationView[];
  /** Your user in that organization. */
  user: SignedInUser;
}

export interface SettingsPatch {
  locale?: string | null | undefined;
  theme?: Theme | null | undefined;
}

/** A user's preferences. */
export interface SettingsView {
  /** A BCP 47 tag such as `en` or `de-CH`. */
  locale: string;
  theme: Theme;
}

export interface SignIn {
  email: string;
  organization?: OrgId | null | undefined;
  password: string;
}

export interface SignUp {
  /** An address that has no account yet. */
  email: Email;
  organization: string;
  /** 8 characters to 1,024 bytes; neither one of the 3,000 most common passwords nor the address. */
  password: NewPassword;
}

/** A new session. */
export type SignedIn = SessionView & {
  /** Send it as `Authorization: Bearer`. It is shown this once. */
  token: string;
};

export interface SignedInUser {
  email: string;
  id: UserId;
  role: Role;
}

export interface Switch {
  /** One of the `organizations` that sign-in listed. */
  organization: OrgId;
}

export type TaskId = Id<"TaskId">;

/** The changes; omitted fields stay as they are. */
export interface TaskPatch {
  status?: TaskStatus | null | undefined;
  title?: string | null | undefined;
}

/** The state of a task. */
export type TaskStatus = "open" | "in_progress" | "done";

/** A task with assignees, labels and the number of comments. */
export interface TaskView {
  /** The users assigned to it. */
  assignees: UserCard[];
  /** The number of comments. */
  comments: number;
  created_at: string;
  id: TaskId;
  labels: string[];
  project_id: ProjectId;
  status: TaskStatus;
  title: string;
}

/** Light or dark. */
export type Theme = "system" | "light" | "dark";

/** The token of a link in a mail. */
export interface TokenBody {
  /** What stands behind `token=` in the link. */
  token: string;
}

/** A code of the authenticator application. */
export interface TotpConfirmation {
  code: string;
}

/** What an authenticator application needs. */
export interface TotpSecret {
  /** The secret in base32, to be typed. It is shown this once. */
  secret: string;
  /** The same as an address for a QR code. */
  url: string;
}

/** The number of unread notifications. */
export interface Unread {
  /** 1,000 means 1,000 or more. */
  unread: number;
}

/** The part of a user that other modules show. */
export interface UserCard {
  /** The user's display name. */
  display_name: string;
  /** The user. */
  id: UserId;
}

export type UserId = Id<"UserId">;

/** The changes; omitted fields stay as they are. A null title removes the title. */
export interface UserPatch {
  profile?: ProfilePatch | undefined;
  settings?: SettingsPatch | undefined;
}

/** A user with profile, settings and permissions. */
export interface UserView {
  email: string;
  id: UserId;
  /** Permissions in addition to those of the role. */
  permissions: string[];
  profile: ProfileView;
  role: Role;
  settings: SettingsView;
}

/** What `listApiKeys` takes. */
export interface ListApiKeysArgs {
  /** The number of items. */
  limit?: number | undefined;
  /** The `next_cursor` of the previous page. */
  cursor?: string | undefined;
}

/** What `createApiKey` takes. */
export interface CreateApiKeyArgs {
  body: NewApiKey;
}

/** What `revokeApiKey` takes. */
export interface RevokeApiKeyArgs {
  id: string;
}

/** What `changeAddress` takes. */
export interface ChangeAddressArgs {
  body: MailRequest;
}

/** What `forgotPassword` takes. */
export interface ForgotPasswordArgs {
  body: MailRequest;
}

/** What `removeIdentity` takes. */
export interface RemoveIdentityArgs {
  id: string;
}

/** What `requestLink` takes. */
export interface RequestLinkArgs {
  body: MailRequest;
}

/** What `acceptLink` takes. */
export interface AcceptLinkArgs {
  body: TokenBody;
}

/** What `changePassword` takes. */
export interface ChangePasswordArgs {
  body: PasswordChange;
}

/** What `patchProfile` takes. */
export interface PatchProfileArgs {
  body: UserPatch;
}

/** What `linkProvider` takes. */
export interface LinkProviderArgs {
  body: ProviderChoice;
}

/** What `resetPassword` takes. */
export interface ResetPasswordArgs {
  body: PasswordReset;
}

/** What `answerSecondFactor` takes. */
export interface AnswerSecondFactorArgs {
  body: SecondFactorAnswer;
}

/** What `listSessions` takes. */
export interface ListSessionsArgs {
  /** The most sessions to list; 100 if it is left out. */
  limit?: number | null | undefined;
}

/** What `endSession` takes. */
export interface EndSessionArgs {
  id: string;
}

/** What `signIn` takes. */
export interface SignInArgs {
  body: SignIn;
}

/** What `signUp` takes. */
export interface SignUpArgs {
  body: SignUp;
}

/** What `enterSudo` takes. */
export interface EnterSudoArgs {
  body: PasswordProof;
}

/** What `switch` takes. */
export interface SwitchArgs {
  body: Switch;
}

/** What `confirmTotp` takes. */
export interface ConfirmTotpArgs {
  body: TotpConfirmation;
}

/** What `verifyAddress` takes. */
export interface VerifyAddressArgs {
  body: AddressConfirmation;
}

/** What `listFiles` takes. */
export interface ListFilesArgs {
  /** The number of items. */
  limit?: number | undefined;
  /** The `next_cursor` of the previous page. */
  cursor?: string | undefined;
}

/** What `uploadFile` takes. */
export interface UploadFileArgs {
  /** The displayed name: any text. It does not determine the type of the file. */
  name: string;
  /** The expected checksum: sha-256=:BASE64: (RFC 9530) */
  contentDigest?: string | undefined;
  /** The same in 64 hexadecimal digits */
  xChecksumSha256?: string | undefined;
  body: Bytes;
}

/** What `deleteFile` takes. */
export interface DeleteFileArgs {
  id: string;
}

/** What `getFile` takes. */
export interface GetFileArgs {
  id: string;
}

/** What `fileContent` takes. */
export interface FileContentArgs {
  id: string;
  /** One range, such as bytes=0-99 */
  range?: string | undefined;
}

/** What `fileEvents` takes. */
export interface FileEventsArgs {
  id: string;
}

/** What `fileThumbnail` takes. */
export interface FileThumbnailArgs {
  id: string;
}

/** What `listInvitations` takes. */
export interface ListInvitationsArgs {
  /** The number of items. */
  limit?: number | undefined;
  /** The `next_cursor` of the previous page. */
  cursor?: string | undefined;
}

/** What `createInvitation` takes. */
export interface CreateInvitationArgs {
  body: NewInvitation;
}

/** What `acceptInvitation` takes. */
export interface AcceptInvitationArgs {
  body: InvitationAccepted;
}

/** What `revokeInvitation` takes. */
export interface RevokeInvitationArgs {
  id: string;
}

/** What `liveUpdates` takes. */
export interface LiveUpdatesArgs {
  /** A path of this API with its query string; once for each resource */
  watch: string[];
}

/** What `listNotifications` takes. */
export interface ListNotificationsArgs {
  /** The number of items. */
  limit?: number | undefined;
  /** The `next_cursor` of the previous page. */
  cursor?: string | undefined;
}

/** What `patchNotificationPreference` takes. */
export interface PatchNotificationPreferenceArgs {
  body: NotificationPreferencePatch;
}

/** What `readNotification` takes. */
export interface ReadNotificationArgs {
  id: string;
}

/** What `changeOrganization` takes. */
export interface ChangeOrganizationArgs {
  body: OrganizationPatch;
}

/** What `transferOwnership` takes. */
export interface TransferOwnershipArgs {
  body: OwnershipTransfer;
}

/** What `listProjects` takes. */
export interface ListProjectsArgs {
  /** The number of items. */
  limit?: number | undefined;
  /** The `next_cursor` of the previous page. */
  cursor?: string | undefined;
}

/** What `createProject` takes. */
export interface CreateProjectArgs {
  body: NewProject;
}

/** What `getProject` takes. */
export interface GetProjectArgs {
  id: string;
}

/** What `patchProject` takes. */
export interface PatchProjectArgs {
  id: string;
  /** The ETag of the version you have seen: 412 if it has changed since. Without it the last write wins. */
  ifMatch?: string | undefined;
  body: ProjectPatch;
}

/** What `listTasks` takes. */
export interface ListTasksArgs {
  id: string;
  /** Only tasks with this label. */
  label?: string | null | undefined;
  /**
   * Only tasks whose title has these words: all of them, without case and accents, the last one as a beginning. "In
   * quotes" they stand next to each other, and a -word must not occur. A text without a word finds nothing.
   */
  search?: string | null | undefined;
  /** The number of items. */
  limit?: number | undefined;
  /** The `next_cursor` of the previous page. */
  cursor?: string | undefined;
}

/** What `createTask` takes. */
export interface CreateTaskArgs {
  id: string;
  body: NewTask;
}

/** What `getTask` takes. */
export interface GetTaskArgs {
  id: string;
}

/** What `patchTask` takes. */
export interface PatchTaskArgs {
  id: string;
  body: TaskPatch;
}

/** What `listUsers` takes. */
export interface ListUsersArgs {
  /** The number of items. */
  limit?: number | undefined;
  /** The `next_cursor` of the previous page. */
  cursor?: string | undefined;
}

/** What `removeUser` takes. */
export interface RemoveUserArgs {
  id: string;
}

/** What `getUser` takes. */
export interface GetUserArgs {
  id: string;
}

/** What `patchUser` takes. */
export interface PatchUserArgs {
  id: string;
  body: UserPatch;
}

/** What `changeRole` takes. */
export interface ChangeRoleArgs {
  id: string;
  body: RoleChange;
}

type NoArgs = { [key: string]: never };

// ---- Options ------------------------------------------------------------------------------------------------------

/** What a client is made with. */
export interface ClientOptions {
  /** Where the API is, such as `https://api.example.com`. Without it: where the page comes from. */
  baseUrl?: string | undefined;
  /**
   * How a call says who is signed in. A store keeps the token, which is sent as `Authorization: Bearer`; without one,
   * this client keeps it in memory. `"cookie"` leaves it to the browser's cookie, which scripts cannot read: for a
   * page of the service's own site.
   */
  session?: "cookie" | TokenStore | undefined;
  /** Called when the service answers 401 to a call that needs a session: ask the user to sign in. */
  onSessionEnd?: ((problem: ProblemError) => void) | undefined;
  /** Headers of every call. */
  headers?: Record<string, string> | undefined;
  /** Milliseconds that one attempt may take: 30,000 if not given. Uploads, bytes and streams have no limit. */
  timeout?: number | undefined;
  /**
   * How often a call is repeated that may be repeated: 2 if not given. Only GET, HEAD, PUT and DELETE are, after a 429
   * or a 503, once their `Retry-After` is over; GET and HEAD also when the connection was cut.
   */
  retries?: number | undefined;
  /** Used instead of the global `fetch`. */
  fetch?: typeof fetch | undefined;
  /** Sends the bytes of an upload, instead of `fetch`: a page can report every step with one on XMLHttpRequest. */
  upload?: UploadTransport | undefined;
}

/** What one call can say differently. */
export interface CallOptions {
  /** Ends the call. It then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Headers of this call. */
  headers?: Record<string, string> | undefined;
  /** Milliseconds that one attempt may take. */
  timeout?: number | undefined;
  /** How often the call is repeated, if it may be. */
  retries?: number | undefined;
}

/** Keeps the token of a session. */
export interface TokenStore {
  get(): string | undefined | Promise<string | undefined>;
  /** Called with the token when a session starts, and with `undefined` when it ends. */
  set(token: string | undefined): void | Promise<void>;
}

/** A token in memory: it is gone with the page or the process. */
export function tokenInMemory(token?: string): TokenStore {
  return {
    get: () => token,
    set: (next) => {
      token = next;
    },
  };
}

/** What `tokenIn` needs of a `Storage`. */
export interface TextStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** A token in a `Storage`. With `sessionStorage` it survives a reload, and every script of the page can read it. */
export function tokenIn(storage: TextStorage, key = "token"): TokenStore {
  return {
    get: () => storage.getItem(key) ?? undefined,
    set: (token) => (token === undefined ? storage.removeItem(key) : storage.setItem(key, token)),
  };
}

// ---- Errors -------------------------------------------------------------------------------------------------------

/** The service refused a call, and said why (RFC 9457). `S` lists the statuses that the operation documents. */
export class ProblemError<S extends number = number> extends Error {
  override readonly name = "ProblemError";
  /** The HTTP status. */
  readonly status: S;
  /** What the service said. */
  readonly problem: Problem;
  /** The last part of the problem's type: `not-found` of `urn:tenfold:problem:not-found`. */
  readonly code: string;
  /** The id under which the service's log has the request. */
  readonly requestId: string | undefined;
  /** Milliseconds after which the same call may succeed. */
  readonly retryAfter: number | undefined;

  constructor(problem: Problem, status: S, headers: Headers) {
    const { title, detail } = problem as { title: string; detail?: string | null };
    super([title, detail].filter(Boolean).join(": "));
    this.problem = problem;
    this.status = status;
    this.code = problem.type.slice(problem.type.lastIndexOf(":") + 1);
    this.requestId = headers.get("X-Request-Id") ?? undefined;
    this.retryAfter = retryAfter(headers.get("Retry-After"));
  }
}

/** There was no answer: the service cannot be reached, the connection was cut, or the time was over. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  /** The time of the attempt was over. */
  readonly isTimeout: boolean;

  constructor(message: string, options: { cause?: unknown; isTimeout?: boolean } = {}) {
    super(message, { cause: options.cause });
    this.isTimeout = options.isTimeout ?? false;
  }
}

/** Whether an error is a problem that the service answered; of this code, if one is given. */
export function isProblem(error: unknown, code?: string): error is ProblemError {
  return error instanceof ProblemError && (code === undefined || error.code === code);
}

async function problemOf(response: Response): Promise<ProblemError> {
  const text = await response.text().catch(() => "");
  let problem = { type: "about:blank", title: `HTTP ${response.status}`, status: response.status } as Problem;
  if (isJson(response)) {
    try {
      problem = { ...problem, ...(JSON.parse(text) as Partial<Problem>) };
    } catch {
      // What a proxy sent stays what its status says.
    }
  }
  return new ProblemError(problem, response.status, response.headers);
}

function isJson(response: Response): boolean {
  return /^application\/([^;]+\+)?json\b/i.test(response.headers.get("Content-Type") ?? "");
}

/** In milliseconds; the header has seconds or a date (RFC 9110, section 10.2.3). */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const milliseconds = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(milliseconds) ? undefined : Math.max(0, milliseconds);
}

// ---- Calls --------------------------------------------------------------------------------------------------------

/** What a call came to: the value, or the problem. */
export type Result<T, S extends number = number> = { ok: true; value: T } | { ok: false; problem: ProblemError<S> };

interface Answer<T> {
  data: T;
  response: Response;
}

/** A call that was sent: a promise of its value, which rejects with a `ProblemError` or a `ConnectionError`. */
export class Call<T, S extends number = number> implements Promise<T> {
  readonly [Symbol.toStringTag] = "Call";
  readonly #answer: Promise<Answer<T>>;

  constructor(answer: Promise<Answer<T>>) {
    this.#answer = answer;
  }

  then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#answer.then(({ data }) => data).then(fulfilled, rejected);
  }

  catch<B = never>(rejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.then(undefined, rejected);
  }

  finally(done?: (() => void) | null): Promise<T> {
    return this.then().finally(done);
  }

  /** The value, or the problem with its status; only a call without an answer rejects. */
  async result(): Promise<Result<T, S>> {
    try {
      return { ok: true, value: await this };
    } catch (error) {
      if (error instanceof ProblemError) return { ok: false, problem: error as ProblemError<S> };
      throw error;
    }
  }

  /** The value with the response, for its headers: `ETag`, `Location`, `Server-Timing`. */
  withResponse(): Promise<{ data: T; response: Response }> {
    return this.#answer;
  }
}

// ---- Lists --------------------------------------------------------------------------------------------------------

interface PageOf<Item> {
  items: Item[];
  next_cursor?: string | null | undefined;
}

/** A call for a page of a list; `for await` gives the items of this page and of all that follow it. */
export class Pages<Item, Page extends PageOf<Item>, S extends number = number>
  extends Call<Page, S>
  implements AsyncIterable<Item>
{
  readonly #next: (cursor: string) => Promise<Page>;

  constructor(first: Promise<Answer<Page>>, next: (cursor: string) => Promise<Page>) {
    super(first);
    this.#next = next;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    for await (const page of this.pages()) yield* page.items;
  }

  /** This page, and all that follow it. */
  async *pages(): AsyncGenerator<Page, void, undefined> {
    let page: Page = await this;
    for (;;) {
      yield page;
      if (typeof page.next_cursor !== "string") return;
      page = await this.#next(page.next_cursor);
    }
  }
}

function list<Item, Page extends PageOf<Item>, S extends number>(
  connection: Connection,
  options: CallOptions = {},
  plan: Plan,
): Pages<Item, Page, S> {
  const page = (query: Query | undefined) => connection.answer<Page>({ ...plan, query: query ?? {} }, options);
  const next = async (cursor: string) => (await page({ ...plan.query, cursor })).data;
  return new Pages<Item, Page, S>(page(plan.query), next);
}

// ---- Live streams -------------------------------------------------------------------------------------------------

/** How a stream is followed. */
export interface StreamOptions {
  /** Ends the stream. */
  signal?: AbortSignal | undefined;
  /** Headers of each request. */
  headers?: Record<string, string> | undefined;
  /** Continues after the event with this id. */
  lastEventId?: string | undefined;
  /** Called each time the connection is gone, before it is opened again; with the error, if there was one. */
  onReconnect?: ((reason: unknown) => void) | undefined;
}

/** The kinds of events of a stream, and what each carries. */
interface EventKind {
  event: string;
  data: unknown;
}

/** An event, with its place in the stream. */
type Live<E extends EventKind> = E & { id: string };

/** The service sends a sign of life every 15 s. A connection that is silent for longer than this is gone. */
const LONGEST_SILENCE = 45_000;

/**
 * Events as they happen. A connection that breaks is opened again, and continues after the last event. Iterating ends
 * when the service has nothing more to send, at `break`, and when the signal aborts. It throws a `ProblemError` when
 * the service refuses, for instance because the session has ended.
 */
export class EventStream<E extends EventKind> implements AsyncIterable<Live<E>> {
  readonly #follow: () => AsyncGenerator<Live<E>, void, undefined>;

  constructor(follow: () => AsyncGenerator<Live<E>, void, undefined>) {
    this.#follow = follow;
  }

  [Symbol.asyncIterator](): AsyncGenerator<Live<E>, void, undefined> {
    return this.#follow();
  }
}

function stream<E extends EventKind>(
  connection: Connection,
  options: StreamOptions = {},
  plan: Plan,
): EventStream<E> {
  return new EventStream<E>(() => follow<E>(connection, options, plan));
}

async function* follow<E extends EventKind>(
  connection: Connection,
  options: StreamOptions,
  plan: Plan,
): AsyncGenerator<Live<E>, void, undefined> {
  const { signal, onReconnect } = options;
  const reader = new EventReader(options.lastEventId);
  let failures = 0;
  while (!signal?.aborted) {
    const silence = new Timer(LONGEST_SILENCE);
    let reason: unknown;
    try {
      const headers = { ...(reader.lastId ? { "Last-Event-ID": reader.lastId } : {}), ...options.headers };
      const response = await connection.open(plan, { headers, signal: either(signal, silence.signal) });
      if (response.status === 204 || !response.body) return;
      const chunks = response.body.getReader();
      for (;;) {
        silence.restart();
        const chunk = await chunks.read();
        silence.clear();
        if (chunk.done) break;
        failures = 0;
        for (const event of reader.read(chunk.value)) yield event as Live<E>;
        if (reader.isOver) return;
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (error instanceof ProblemError && error.status < 500 && error.status !== 429) throw error;
      reason = wrapped(error, undefined);
    } finally {
      silence.abort();
    }
    onReconnect?.(reason);
    const asked = reason instanceof ProblemError ? (reason.retryAfter ?? 0) : 0;
    await pause(Math.max(asked, backoff(failures, reader.retry)), signal);
    failures += 1;
    reader.reconnected();
  }
}

/** Takes the bytes of an event stream apart (HTML standard, section 9.2.6). */
class EventReader {
  lastId: string | undefined;
  /** Milliseconds before the first attempt to reconnect. */
  retry = 1_000;
  /** The service said that there is nothing more to come. */
  isOver = false;
  #decoder = new TextDecoder();
  #rest = "";
  #event = "";
  #data: string[] = [];
  #id: string | undefined;

  constructor(lastId: string | undefined) {
    this.lastId = lastId;
  }

  /** What was begun on the last connection is sent again on the next one. */
  reconnected(): void {
    this.#decoder = new TextDecoder();
    this.#rest = "";
    this.#clear();
  }

  *read(bytes: Uint8Array): Generator<Live<EventKind>, void, undefined> {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const event = line === "" ? this.#dispatch() : this.#field(line);
      if (event) yield event;
    }
  }

  #field(line: string): undefined {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.#event = value;
    else if (name === "data") this.#data.push(value);
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.retry = Number(value);
    else if (name === "" && value === "end") this.isOver = true;
    return undefined;
  }

  #dispatch(): Live<EventKind> | undefined {
    if (this.#id !== undefined) this.lastId = this.#id;
    const text = this.#data.join("\n");
    const event = { id: this.lastId ?? "", event: this.#event || "message", data: parsed(text) };
    const isEmpty = this.#data.length === 0;
    this.#clear();
    return isEmpty ? undefined : event;
  }

  #clear(): void {
    this.#event = "";
    this.#data = [];
    this.#id = undefined;
  }
}

/** What an event carries: JSON, or else its text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

// ---- Uploads ------------------------------------------------------------------------------------------------------

/** The content of an upload: a `Blob`, a buffer or a text. A file on disk is a `Blob` too: `openAsBlob` of `node:fs`. */
export type Bytes = NonNullable<ConstructorParameters<typeof Blob>[0]>[number];

/** How far an upload is, in bytes. */
export interface Progress {
  sent: number;
  total: number;
}

/** What an upload can say differently. */
export interface UploadOptions extends CallOptions {
  /** Called at the start, as bytes are sent, and once all are. A browser's fetch tells of no step in between. */
  onProgress?: ((progress: Progress) => void) | undefined;
}

/** One request of an upload. */
export interface UploadRequest {
  method: string;
  url: string;
  headers: Headers;
  body: Blob;
  credentials: NonNullable<RequestInit["credentials"]>;
  signal: AbortSignal | undefined;
}

/** Sends an upload, and calls `onProgress` with the number of bytes that were sent so far. */
export type UploadTransport = (request: UploadRequest, onProgress: (sent: number) => void) => Promise<Response>;

function upload<T, S extends number>(
  connection: Connection,
  options: UploadOptions = {},
  bytes: Bytes,
  plan: Plan,
): Call<T, S> {
  const body = bytes instanceof Blob ? bytes : new Blob([bytes]);
  const progress = (sent: number) => options.onProgress?.({ sent, total: body.size });
  const own = isBrowser() ? undefined : streamedBy(connection.options.fetch ?? fetch);
  const through = connection.options.upload ?? own;
  const send: Send | undefined = through && ((url, init) => through(uploadRequest(url, init, body), progress));
  const run = async () => {
    progress(0);
    const answer = await connection.answer<T>({ ...plan, body }, options, send);
    progress(body.size);
    return answer;
  };
  return new Call<T, S>(run());
}

function uploadRequest(url: string, init: RequestInit, body: Blob): UploadRequest {
  const { method = "POST", headers, credentials = "omit", signal } = init;
  return { method, url, headers: new Headers(headers), body, credentials, signal: signal ?? undefined };
}

/** Browsers send a stream over HTTP/2 alone, or not at all. */
function isBrowser(): boolean {
  return "document" in globalThis || "WorkerGlobalScope" in globalThis;
}

/** The bytes that are read at once, and between two reports. */
const PIECE = 256 * 1024;
/** Of a body of more than so many bytes, only some go at first. */
const LARGE = 1024 * 1024;
/**
 * Milliseconds in which the service can refuse a large body after its first bytes: its answer is lost if it closes the
 * connection while more are written. `Expect: 100-continue` is for this, and fetch has none.
 */
const FIRST_LOOK = 250;

/** Sends the body as a stream, piece after piece, and counts those that were taken. */
function streamedBy(send: typeof fetch): UploadTransport {
  return ({ url, body, headers, signal, ...rest }, onProgress) => {
    let sent = 0;
    const isLarge = body.size > LARGE;
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
      if (sent > 0) onProgress(sent);
      if (isLarge && sent === PIECE) await pause(FIRST_LOOK, signal);
      if (sent >= body.size) return controller.close();
      const piece = new Uint8Array(await body.slice(sent, sent + PIECE).arrayBuffer());
      sent += piece.byteLength;
      controller.enqueue(piece);
    };
    const stream = new ReadableStream<Uint8Array>({ pull }, { highWaterMark: 0 });
    // So that the service can refuse what is too large before it is sent.
    headers.set("Content-Length", String(body.size));
    return send(url, { ...rest, headers, body: stream, duplex: "half", signal: signal ?? null } as RequestInit);
  };
}

// ---- How calls are sent -------------------------------------------------------------------------------------------

type Scalar = string | number | boolean | null | undefined;
type Query = Record<string, Scalar | readonly Scalar[]>;

/** One request, as an operation describes it. */
interface Plan {
  method: string;
  path: string;
  query?: Query;
  headers?: Record<string, Scalar>;
  body?: NonNullable<RequestInit["body"]> | undefined;
  /** The body's content type, where fetch would not know it. */
  type?: string | undefined;
  /** The kind of content that is asked for. */
  accept?: string;
  /** What becomes of the answer: parsed JSON (unless said otherwise), text, nothing, or the response itself. */
  read?: "text" | "nothing" | "response";
  /** Whether the session goes with it. */
  session?: "needed" | "optional";
  /** The answer has the token of a new session, or the session is over after it. */
  token?: "starts" | "ends";
}

/** The longest `Retry-After` that a call waits for by itself, in milliseconds. */
const LONGEST_WAIT = 30_000;
const REPEATABLE = ["GET", "HEAD", "PUT", "DELETE"];

class Connection {
  readonly options: ClientOptions;
  readonly #store: TokenStore | undefined;

  constructor(options: ClientOptions) {
    this.options = options;
    this.#store = options.session === "cookie" ? undefined : (options.session ?? tokenInMemory());
  }

  /** Sends a request until it is answered, or may not be repeated any more. */
  async answer<T>(plan: Plan, options: CallOptions, send?: Send): Promise<Answer<T>> {
    const retries = options.retries ?? this.options.retries ?? 2;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#attempt<T>(plan, options, send);
      } catch (error) {
        const wait = attempt < retries ? waitBefore(plan.method, error, attempt) : undefined;
        if (wait === undefined) throw error;
        await pause(wait, options.signal);
        options.signal?.throwIfAborted();
      }
    }
  }

  async #attempt<T>(plan: Plan, options: CallOptions, send?: Send): Promise<Answer<T>> {
    const isLong = plan.read === "response" || plan.body instanceof Blob;
    const timer = new Timer(options.timeout ?? (isLong ? undefined : (this.options.timeout ?? 30_000)));
    try {
      const response = await this.open(plan, { ...options, signal: either(options.signal, timer.signal) }, send);
      return { data: await this.#read<T>(plan, response), response };
    } catch (error) {
      throw wrapped(error, options.signal);
    } finally {
      timer.clear();
    }
  }

  async #read<T>(plan: Plan, response: Response): Promise<T> {
    if (plan.read === "response") return response as T;
    const text = await response.text();
    if (plan.read === "nothing" || response.status === 304) return undefined as T;
    if (plan.read === "text") return text as T;
    const data = (text === "" ? undefined : JSON.parse(text)) as T;
    if (plan.token === "starts") await this.#store?.set((data as { token?: string } | undefined)?.token);
    return data;
  }

  /** Sends one request. Rejects with a `ProblemError` unless it succeeds. */
  async open(plan: Plan, options: CallOptions, send: Send = (url, init) => this.#fetch(url, init)): Promise<Response> {
    const token = plan.session && (await this.#store?.get());
    const headers = new Headers(this.options.headers);
    if (token !== undefined) headers.set("Authorization", `Bearer ${token}`);
    if (plan.accept !== undefined) headers.set("Accept", plan.accept);
    if (plan.type !== undefined && plan.body !== undefined) headers.set("Content-Type", plan.type);
    for (const [name, value] of Object.entries({ ...plan.headers, ...options.headers })) {
      if (value !== undefined && value !== null) headers.set(name, String(value));
    }
    const init: RequestInit = { method: plan.method, headers, credentials: this.#store ? "omit" : "include" };
    if (plan.body !== undefined) init.body = plan.body;
    if (options.signal) init.signal = options.signal;
    const response = await send(this.#url(plan), init);
    const over = response.status === 401 && plan.session === "needed";
    const isNews = (over || (response.ok && plan.token === "ends")) && (await this.#forget(token));
    if (response.ok || response.status === 304) return response;
    const problem = await problemOf(response);
    if (over && isNews) this.options.onSessionEnd?.(problem);
    throw problem;
  }

  #fetch(url: string, init: RequestInit): Promise<Response> {
    return (this.options.fetch ?? fetch)(url, init);
  }

  /** The token that was sent is of no more use. Says whether that is news: another call may have been told before. */
  async #forget(token: string | undefined): Promise<boolean> {
    if (token === undefined) return true;
    if ((await this.#store?.get()) !== token) return false;
    await this.#store?.set(undefined);
    return true;
  }

  #url({ path, query }: Plan): string {
    const pairs = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {})) {
      for (const one of Array.isArray(value) ? value : [value]) {
        if (one !== undefined && one !== null) pairs.append(name, String(one));
      }
    }
    const base = (this.options.baseUrl ?? "").replace(/\/+$/, "");
    const search = pairs.toString();
    return `${base}${path}${search && `?${search}`}`;
  }
}

function call<T, S extends number>(connection: Connection, options: CallOptions | undefined, plan: Plan): Call<T, S> {
  return new Call<T, S>(connection.answer<T>(plan, options ?? {}));
}

type Send = (url: string, init: RequestInit) => Promise<Response>;

/** Milliseconds until a call is repeated; `undefined`: it is not. */
function waitBefore(method: string, error: unknown, attempt: number): number | undefined {
  const usual = backoff(attempt, 500);
  if (error instanceof ConnectionError) {
    // What took too long takes long again.
    return (method === "GET" || method === "HEAD") && !error.isTimeout ? usual : undefined;
  }
  const isBusy = error instanceof ProblemError && (error.status === 429 || error.status === 503);
  if (!isBusy || !REPEATABLE.includes(method)) return undefined;
  const wait = error.retryAfter ?? usual;
  return wait <= LONGEST_WAIT ? wait : undefined;
}

/** Twice as long each time, up to 30 s; a random half of it, so that many clients do not come back at once. */
function backoff(attempt: number, first: number): number {
  return Math.min(30_000, first * 2 ** attempt) * (0.5 + Math.random() / 2);
}

/** Resolves after so many milliseconds, or when the signal aborts. */
function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    if (signal?.aborted) done();
    else signal?.addEventListener("abort", done);
  });
}

/** Aborts its signal after so many milliseconds without `restart`. */
class Timer {
  readonly #controller = new AbortController();
  readonly #milliseconds: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(milliseconds: number | undefined) {
    this.#milliseconds = milliseconds;
    this.restart();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  restart(): void {
    this.clear();
    if (this.#milliseconds === undefined) return;
    const over = new ConnectionError(`no answer within ${this.#milliseconds} ms`, { isTimeout: true });
    this.#timer = setTimeout(() => this.#controller.abort(over), this.#milliseconds);
  }

  clear(): void {
    clearTimeout(this.#timer);
  }

  /** Ends what it watches over. */
  abort(): void {
    this.clear();
    this.#controller.abort();
  }
}

function either(one: AbortSignal | undefined, other: AbortSignal): AbortSignal {
  return one ? AbortSignal.any([one, other]) : other;
}

/** Problems, and the reason of the caller's own signal, as they are; anything else means that there was no answer. */
function wrapped(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof ProblemError || error instanceof ConnectionError) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return new ConnectionError(`the service did not answer: ${String(cause)}`, { cause: error });
}

/** A part of a path. */
function segment(value: string | number | boolean | null): string {
  const text = String(value ?? "");
  // The address would be one of another operation.
  if (text === "" || text === "." || text === "..") throw new TypeError(`"${text}" cannot be a part of a path`);
  return encodeURIComponent(text);
}
