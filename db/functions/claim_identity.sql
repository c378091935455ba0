-- Makes everybody who is about to create the same person queue, until the transaction ends.
create or replace function hubspot_sync.claim_identity(p_student_id text, p_email text)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock(
    hashtextextended('contact ' || p_student_id || ' ' || lower(p_email), 0));
end;
$$;

comment on function hubspot_sync.claim_identity(text, text) is
  'Takes the advisory lock of a student id and email until the end of the transaction.';
revoke execute on function hubspot_sync.claim_identity(text, text) from public, anon, authenticated;
