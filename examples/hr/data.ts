export interface Employee {
  readonly employee_id: string;
  readonly name: string;
  readonly department: string;
  /** From the range that is reserved for advertisements: nobody has these. */
  readonly ssn: string;
  /** US dollars a year. */
  readonly salary: number;
  readonly bonus_percent: number;
}

export const EMPLOYEES: readonly Employee[] = [
  {
    employee_id: 'E-100457',
    name: 'Mara Lindqvist',
    department: 'Finance',
    ssn: '987-65-4320',
    salary: 118_000,
    bonus_percent: 10,
  },
  {
    employee_id: 'E-100812',
    name: 'Jonas Okafor',
    department: 'Engineering',
    ssn: '987-65-4321',
    salary: 142_500,
    bonus_percent: 12,
  },
  {
    employee_id: 'E-101334',
    name: 'Priya Raman',
    department: 'Engineering',
    ssn: '987-65-4322',
    salary: 156_000,
    bonus_percent: 15,
  },
  {
    employee_id: 'E-101990',
    name: 'Tomás Herrera',
    department: 'Sales',
    ssn: '987-65-4323',
    salary: 97_250,
    bonus_percent: 25,
  },
  {
    employee_id: 'E-102215',
    name: 'Aiko Tanaka',
    department: 'Legal',
    ssn: '987-65-4324',
    salary: 133_400,
    bonus_percent: 8,
  },
];

export interface Repository {
  readonly name: string;
  readonly visibility: 'public' | 'internal' | 'private';
  readonly description: string;
}

export const REPOSITORIES: readonly Repository[] = [
  { name: 'acme/website', visibility: 'public', description: 'The public web site' },
  { name: 'acme/billing', visibility: 'internal', description: 'Invoices and payments' },
  { name: 'acme/payroll-export', visibility: 'internal', description: 'Monthly export to the payroll provider' },
  { name: 'acme/incident-2031', visibility: 'private', description: 'Forensics of a security incident' },
];
