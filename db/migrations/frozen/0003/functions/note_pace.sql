-- Notes a whole poll and when the next is due.
create or replace function hubspot_sync.note_pace(p_fresh integer, p_queued integer)
  returns interval
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_every interval := hubspot_sync.poll_interval(p_fresh, p_queued);
begin
  perform hubspot_sync.remember('poll', jsonb_build_object(
    'every', extract(epoch from v_every), 'fresh', p_fresh, 'queued', p_queued));
  return v_every;
end;
$$;

comment on function hubspot_sync.note_pace(integer, integer) is
  'Notes a poll of all tables: p_fresh records had changed, p_queued of them no webhook had told '
  'of. Answers the interval until the next.';
revoke execute on function hubspot_sync.note_pace(integer, integer)
  from public, anon, authenticated;
grant execute on function hubspot_sync.note_pace(integer, integer) to service_role;
