/** Signs people of a mini-program in at a Lingpai issuer, and keeps them signed in. */

/** What a function of the host is called with; more members are passed on as they are. */
export interface HostOptions {
  success?(answer: any): void;
  fail?(cause: any): void;
  [option: string]: any;
}

/**
 * The host, or a part of it: `uni` and `Taro` fit as they are. What it lacks, `wx` does. Each function answers by `success` and `fail` or by a
 * promise.
 */
export interface Platform {
  /** As `wx.request`: succeeds with `{data, statusCode, header}` for any status. */
  request?(options: any): any;
  /** As `wx.login`: succeeds with `{code}`, a fresh one each time. */
  login?(options: any): any;
  getStorage?(options: any): any;
  setStorage?(options: any): any;
  /** As `wx.getRandomValues`: succeeds with `{randomValues}`. */
  getRandomValues?(options: any): any;
  /** Instead of `getRandomValues`: this many bytes that nobody can guess. */
  random?(length: number): ArrayLike<number> | ArrayBuffer | Promise<ArrayLike<number> | ArrayBuffer>;
}

export interface Options {
  /** The issuer's address, such as `https://login.example.com`. */
  issuer: string;
  /** A public client of the issuer's. */
  clientId: string;
  /** Default `openid profile`. `bindPhone` needs `phone` as well. */
  scope?: string;
  /** Names the mini-program, for a client that has several. */
  appid?: string;
  /** Default: `wx`. */
  platform?: Platform;
  /** How many seconds early an access token is refreshed, but at most half its life. Default 60. */
  skew?: number;
  /** How many milliseconds the issuer and `wx.login` have for an answer. Default 15000. */
  timeout?: number;
  /** Of the messages of errors. Default: the host's. */
  language?: 'zh-CN' | 'en';
}

export interface Credentials {
  username: string;
  password: string;
}

/** Who is signed in: the claims of the ID token or of `/userinfo`. */
export interface User {
  /** The user's id at the issuer; neither the openid nor the unionid. */
  sub: string;
  /** At the first sign-in only. */
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

/** As for `wx.request`; `url` is the whole address. `Authorization` is added. */
export interface RequestOptions extends HostOptions {
  url: string;
  method?: string;
  data?: any;
  header?: { [name: string]: string };
  timeout?: number;
  /** `false`: is not sent again after a 401. */
  replay?: boolean;
}

/** As of `wx.request`. */
export interface Answer<Data = any> {
  data: Data;
  statusCode: number;
  header: { [name: string]: string };
  cookies?: string[];
  errMsg?: string;
}

export interface Auth {
  /** Signs in anew: by `wx.login`, or with a name and a password. Not needed at launch: `request` signs in when it must. */
  login(credentials?: Credentials): Promise<User>;
  /** Registers a new user and signs him in. */
  register(credentials: Credentials): Promise<User>;
  /** `wx.request` with an access token. Resolves for any status, as that does. */
  request<Data = any>(options: RequestOptions): Promise<Answer<Data>>;
  /** An access token that is good for a while, for what `request` cannot do. */
  getAccessToken(): Promise<string>;
  /** Who is signed in, as the issuer knows him now. */
  user(): Promise<User>;
  /** Takes the code of a `getPhoneNumber` button. */
  bindPhone(code: string): Promise<BoundPhone>;
  /** Signs out on this device at once and then at the issuer; `false` if that did not hear of it. */
  logout(): Promise<boolean>;
  /** Somebody has signed in, or (`null`) nobody is signed in any more. Returns what takes the listener away. */
  on(event: 'change', listener: (user: User | null) => void): () => void;
  /** The session has ended for good: only `login()` signs in again. */
  on(event: 'sessionLost', listener: (error: AuthError) => void): () => void;
}

export type Code =
  | 'network' | 'invalid_response' | 'login_failed' | 'signed_out' | 'session_lost' | 'user_changed'
  | 'temporarily_unavailable' | 'server_error' | 'invalid_grant' | 'invalid_request' | 'invalid_client' | 'invalid_scope' | 'invalid_token'
  | 'unauthorized_client' | 'insufficient_scope' | 'username_taken' | 'weak_password' | 'over_budget';

export class AuthError extends Error {
  private constructor();
  name: 'AuthError';
  /** One of ours, or the issuer's `error`. */
  code: Code | (string & {});
  /** For people, in the chosen language. */
  message: string;
  /** Of the issuer's answer; 0 if there was none. */
  status: number;
  /** Whether the same call may succeed later. */
  retryable: boolean;
  /** How many seconds the issuer asks to wait; 0 if it does not. */
  retryAfter?: number;
  /** WeChat's, for faults of a code or a user. */
  wechat_errcode?: number;
  /** The issuer's own words, for programmers. */
  description?: string;
  /** The issuer's log has it too. */
  request_id?: string;
  /** What the host said. */
  cause?: any;
}

/** The messages by code: Chinese, English. */
export const messages: { [code: string]: [string, string] };

export function createAuth(options: Options): Auth;
