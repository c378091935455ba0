-- One record to send to HubSpot, as claim_changes hands it to a worker.
create type hubspot_sync.claimed_change as (
  table_name text,
  record uuid,
  epoch bigint,
  lane text,
  operation text,
  hubspot_id text,
  unique_value text,
  properties jsonb,
  contact_hubspot_id text,
  exam_hubspot_id text,
  associate text[],
  left_exam_hubspot_ids text[],
  may_create boolean,
  tried boolean,
  settled boolean,
  former_values text[],
  unanswered boolean
);
comment on type hubspot_sync.claimed_change is
  'lane: urgent or bulk. operation: upsert, archive, nothing (HubSpot has it already, or the '
  'record was created and deleted before any send), or refused (another contact has its student '
  'id). unique_value: booking_id or student_id. '
  'properties: names and texts to send. contact_hubspot_id, exam_hubspot_id: what a booking or a '
  'note is linked with, or null. associate: which of these links, @contact and @exam, are new or '
  'changed. left_exam_hubspot_ids: exams the booking was moved from, to which its links end. '
  'may_create: an exam that HubSpot lacks is made anew. tried: a worker had it before. settled: '
  'so long ago that no request of that worker can still arrive. former_values: unique values '
  'under which a worker may have made it. unanswered: HubSpot may have applied an earlier send.';
