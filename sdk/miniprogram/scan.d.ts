import { Auth } from './index';

/** The options of the page that opens, in its `onLoad`. */
export interface ScanOptions {
  /** For an ordinary QR code: its address, which may be URL-encoded. */
  q?: string;
  /** For a mini-program code: the handle. */
  scene?: string;
  /** For a link with which a phone's browser has opened WeChat: the handle. */
  scan?: string;
}

/** What to show of the screen that asks for a sign-in. It is plain data, for `setData`. */
export interface Screen {
  /** Who asks for the sign-in. */
  client_name: string;
  /** Where the screen will go on, if that has a host. */
  host?: string;
  /** The screen's IP address. */
  address: string;
  /** Whether the screen is in the network of this device. */
  near: boolean;
  /** Where the screen probably is, such as `Shanghai, China`, in the `language` of `createAuth`. Absent: unknown. */
  place?: string;
  /** Where this device probably is, if that is not where the screen is. */
  caller_place?: string;
  /** What the screen says that it is, such as `Chrome, Windows`. */
  device?: string;
  /** Three: the user must choose the one that the screen shows. One: the user compares it. None: there is nothing to compare. */
  numbers: number[];
  /** When the code was shown (RFC 3339). */
  shown_at: string;
  /** How many seconds are left to decide. */
  expires_in: number;
}

/** A code that this user has scanned. After a `retryable` error, the same decision can be sent again. */
export interface Scan {
  screen: Screen;
  /** Lets the screen sign in, with the number that the user has chosen, if there were three. A wrong one declines. */
  approve(number?: number | string): Promise<void>;
  /** Declines; with `true`, the user knows nothing of it, and all codes at the screen's address become invalid. */
  decline(report?: boolean): Promise<void>;
}

/**
 * Looks at a code that the user has scanned, so that the screen says so. It signs the user in silently if necessary. The client and `createAuth` need
 * the scope `signin.approve`. Errors are `AuthError`: `unknown_code` for what is no code of this issuer, before anything is sent; and `invalid_grant`
 * with `scan`, which says why.
 */
export function scan(auth: Auth, options: ScanOptions): Promise<Scan>;
