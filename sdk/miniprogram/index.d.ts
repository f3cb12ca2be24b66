/** Signs mini-program users in at a Lingpai issuer, and keeps them signed in. */

/** The argument of a function of the host; other members are passed on unchanged. */
export interface HostOptions {
  success?(answer: any): any;
  fail?(cause: any): any;
  complete?(result: any): any;
  [option: string]: any;
}

/**
 * The host, or a part of it, such as `uni` or `Taro`. Missing functions are taken from `wx`. Each function answers by `success` and `fail` or by a
 * promise.
 */
export interface Platform {
  /** Like `wx.request`: succeeds with `{data, statusCode, header}` for any status. */
  request?(options: any): any;
  /** Like `wx.login`: succeeds with `{code}`, a fresh one each time. */
  login?(options: any): any;
  getStorage?(options: any): any;
  setStorage?(options: any): any;
  /** Like `wx.getRandomValues`: succeeds with `{randomValues}`. */
  getRandomValues?(options: any): any;
  /** Instead of `getRandomValues`: returns this many cryptographically random bytes. */
  random?(length: number): ArrayLike<number> | ArrayBuffer | Promise<ArrayLike<number> | ArrayBuffer>;
}

/**
 * What `request` does about a 401. `true`: it refreshes the token and sends the request again, once; after 10 seconds if an API refused a token less
 * than a minute old. `'invalid_token'`: only if the API names this error, as in `WWW-Authenticate: Bearer error="invalid_token"`; any other 401 is the
 * app's own. `false`: the request is not sent again, but the next one has another token.
 */
export type Replay = boolean | 'invalid_token';

export interface Options {
  /** The issuer's address, such as `https://login.example.com`. */
  issuer: string;
  /** The id of a public client of the issuer. */
  clientId: string;
  /** Default `openid profile`. `bindPhone` also needs `phone`. */
  scope?: string;
  /** The AppID of the mini-program, for a client that has several. */
  appid?: string;
  /** Default: `wx`. */
  platform?: Platform;
  /** How many seconds before its expiry an access token is refreshed, but at most half its lifetime. Default 60. */
  skew?: number;
  /** The timeout of the issuer and of `wx.login`, in milliseconds. Default 15000. */
  timeout?: number;
  /** What `request` does about a 401. Default `true`. */
  replay?: Replay;
  /** The language of error messages. Default: the host's. */
  language?: 'zh-CN' | 'en';
}

export interface Credentials {
  username: string;
  password: string;
}

/** The signed-in user: the claims of the ID token or of `/userinfo`. */
export interface User {
  /** The user's id at the issuer; neither the openid nor the unionid. */
  sub: string;
  /** Only at the first sign-in. */
  is_new_user?: boolean;
  name?: string;
  nickname?: string;
  picture?: string;
  [claim: string]: unknown;
}

export interface BoundPhone {
  phone_number: string;
  phone_number_verified: boolean;
}

/** As for `wx.request`, whose types are accepted; `url` is the complete URL. `Authorization` is added. */
export interface RequestOptions extends HostOptions {
  url: string;
  method?: string;
  data?: any;
  header?: { [name: string]: any };
  timeout?: number;
  /** Overrides the option of `createAuth`. */
  replay?: Replay;
}

/** As returned by `wx.request`, and so that WeChat's own types accept it; another host may leave out what follows `header`. */
export interface Answer<Data = any> {
  data: Data;
  statusCode: number;
  header: { [name: string]: any };
  cookies: string[];
  errMsg: string;
  profile: any;
  exception: any;
  useHttpDNS: any;
}

/** Why a scan was refused; see `scan.d.ts`. `taken`: another session has scanned the code. `wrong_number`: the sign-in was declined. */
export type ScanReason = 'expired' | 'taken' | 'decided' | 'not_scanned' | 'wrong_number' | 'from_picture' | 'from_link';

/** Whether the session of a refused refresh token has ended. If the issuer does not say so, the SDK ends it. */
export type SessionState = 'ended' | 'unknown';

/** The issuer's answer to a refused refresh token. */
export interface Refusal {
  session_state: SessionState;
  status: number;
  /** The request id, which is also in the issuer's log. */
  request_id?: string;
}

export interface Auth {
  /** Signs in again: by `wx.login`, or with a name and a password. Not needed at launch: `request` signs in if necessary. */
  login(credentials?: Credentials): Promise<User>;
  /** Registers a new user and signs them in. */
  register(credentials: Credentials): Promise<User>;
  /**
   * `wx.request` with an access token: the issuer's own for its `/account/v1/…`, `/scan/…` and `/wechat/…`, otherwise the one for the app's APIs.
   * Like `wx.request`, it resolves for any status.
   */
  request<Data = any>(options: RequestOptions): Promise<Answer<Data>>;
  /** Returns an access token for the app's APIs that does not expire soon, for calls that `request` cannot make. */
  getAccessToken(): Promise<string>;
  /** Returns the signed-in user with the issuer's current claims. */
  user(): Promise<User>;
  /** Binds the phone number of a `getPhoneNumber` button, given its code; without one, the user has declined. After a retryable error it can be called again with the same code: WeChat charges once. */
  bindPhone(code: string | undefined): Promise<BoundPhone>;
  /** Signs out on this device at once and then at the issuer; resolves to `false` if the issuer could not be reached. */
  logout(): Promise<boolean>;
  /** Calls the listener when a user has signed in, or with `null` when nobody is signed in any more. Returns a function that removes the listener. */
  on(event: 'change', listener: (user: User | null) => void): () => void;
  /** Calls the listener when the session has ended for good: only `login()` signs in again. */
  on(event: 'sessionLost', listener: (error: AuthError) => void): () => void;
  /** Calls the listener when the issuer refused the refresh token and the SDK has signed the same user in again. This can mean that the token was copied. */
  on(event: 'sessionReplaced', listener: (refusal: Refusal) => void): () => void;
}

export type Code =
  | 'network' | 'invalid_response' | 'login_failed' | 'signed_out' | 'session_lost' | 'user_changed'
  | 'phone_declined' | 'unknown_code' | 'user_blocked' | 'tourist_appid' | 'domain_not_listed'
  | 'temporarily_unavailable' | 'server_error' | 'invalid_grant' | 'invalid_request' | 'invalid_client' | 'invalid_scope' | 'invalid_token'
  | 'unauthorized_client' | 'insufficient_scope' | 'username_taken' | 'weak_password' | 'over_budget';

export class AuthError extends Error {
  private constructor();
  name: 'AuthError';
  /** A code of this SDK, or the issuer's `error`. */
  code: Code | (string & {});
  /** A message for users, in the chosen language. */
  message: string;
  /** The HTTP status of the issuer's answer; 0 if there was none. */
  status: number;
  /** Whether the same call may succeed later. */
  retryable: boolean;
  /** How many seconds the issuer asks to wait; 0 if it does not. */
  retryAfter?: number;
  /** WeChat's errcode, for errors of a code or a user. */
  wechat_errcode?: number;
  /** With `invalid_grant`, if a scan was refused: why. */
  scan?: ScanReason;
  /** The issuer's `error_description`, for developers. */
  description?: string;
  /** The request id, which is also in the issuer's log. */
  request_id?: string;
  /** With `session_lost`, if the issuer refused the refresh token. */
  session_state?: SessionState;
  /** The host's error. */
  cause?: any;
  /** The `errMsg` of the host's error, or `request:fail` and the code. */
  errMsg: string;
  /** The `errno` of the host's error. */
  errno?: number;
}

/** The messages by code: Chinese, English. */
export const messages: { [code: string]: [string, string] };

export function createAuth(options: Options): Auth;
