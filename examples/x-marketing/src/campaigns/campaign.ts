/** A marketing campaign, as clients see it. */
export interface Campaign {
  readonly id: string;
  readonly name: string;
  /** Whole cents. */
  readonly budgetCents: number;
  readonly startsAt: string | null;
  readonly endsAt: string | null;
  readonly createdAt: string;
}

/** What makes a new campaign. */
export interface NewCampaign {
  readonly name: string;
  readonly budgetCents: number;
  readonly startsAt?: string;
  readonly endsAt?: string;
}

/** JSON schema of {@link NewCampaign}. */
export const newCampaignSchema = {
  type: 'object',
  required: ['name', 'budgetCents'],
  additionalProperties: false,
  properties: {
    // PostgreSQL cannot store the character NUL; a name needs something to see.
    name: { type: 'string', maxLength: 200, pattern: '^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$' },
    budgetCents: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    startsAt: { type: 'string', format: 'date-time' },
    endsAt: { type: 'string', format: 'date-time' },
  },
} as const;
