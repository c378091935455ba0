-- Brings the spellings of an exam's state found in live data to yes or no.
create or replace function hubspot_sync.exam_is_active(p_is_active text)
  returns boolean
  language sql
  immutable
  return coalesce(lower(trim(p_is_active)) in ('true', 't', '1', 'yes', 'active'), false);

comment on function hubspot_sync.exam_is_active(text) is
  'Whether an exam''s is_active means active; null and unknown texts mean it is not.';
revoke execute on function hubspot_sync.exam_is_active(text) from public, anon, authenticated;
