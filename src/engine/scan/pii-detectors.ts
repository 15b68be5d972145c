import { bankAccountNumber } from './bank-account-number.ts';
import { creditCardNumber } from './credit-card-number.ts';
import { emailAddress } from './email-address.ts';
import { finderOf } from './finder-of.ts';
import type { Detector, Finder } from './finding.ts';
import { ipAddress } from './ip-address.ts';
import { phoneNumber } from './phone-number.ts';
import { socialSecurityNumber } from './social-security-number.ts';

export { bankAccountNumber, creditCardNumber, emailAddress, ipAddress, phoneNumber, socialSecurityNumber };

export type PiiDetectorName = 'ssn' | 'credit_card' | 'email' | 'phone' | 'iban' | 'ip_address';

/** The most specific first. */
export const PII_DETECTORS: readonly Detector<PiiDetectorName>[] = [
  socialSecurityNumber,
  creditCardNumber,
  bankAccountNumber,
  emailAddress,
  ipAddress,
  phoneNumber,
];

/**
 * Personal data in a text, by shape and check digits; encoded text (percent, Base64, entities) is not decoded. Time
 * linear in the text.
 */
export const findPii: Finder<PiiDetectorName> = finderOf(PII_DETECTORS);
