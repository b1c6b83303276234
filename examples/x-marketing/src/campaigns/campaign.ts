/** A campaign as the API shows it. */
export interface Campaign {
  readonly id: string;
  readonly name: string;
  readonly budgetCents: number;
  /** ISO 8601, or null when it has no start. */
  readonly startsAt: string | null;
  /** ISO 8601, or null when it has no end. */
  readonly endsAt: string | null;
  readonly createdAt: string;
}

/** What a new campaign is made of. */
export interface NewCampaign {
  readonly name: string;
  readonly budgetCents: number;
  readonly startsAt?: string;
  readonly endsAt?: string;
}

/** A page of campaigns, newest first. */
export interface CampaignPage {
  readonly data: readonly Campaign[];
  /** Where the next page starts; null on the last one. */
  readonly nextCursor: string | null;
}
