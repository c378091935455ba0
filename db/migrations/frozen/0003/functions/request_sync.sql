-- «Sync now»: asks for a record to be brought up to date with HubSpot, both ways.
create or replace function api.request_sync(
  p_kind text default null,
  p_id text default null,
  p_older_than integer default 0
)
  returns api.sync_request
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_demand hubspot_sync.demand;
  v_request api.sync_request;
begin
  perform hubspot_sync.require_administrator();
  perform hubspot_sync.require_read_committed();
  if p_kind is null or p_kind not in ('exam', 'booking', 'contact', 'all') then
    raise exception '% is nothing that can be brought up to date',
      coalesce(left(p_kind, 100), 'null')
      using errcode = '22023', hint = 'Give exam, booking or contact with an id, or all.';
  end if;
  v_demand := hubspot_sync.demand_records(p_kind, p_id, make_interval(secs => p_older_than));
  if v_demand.state = 'unknown' then
    raise exception 'there is no % %', p_kind, trim(p_id)
      using errcode = case p_kind when 'exam' then 'MBEXM' when 'booking' then 'MBNOF'
                        else 'MBCON' end,
            hint = 'Give our id, HubSpot''s, a booking_id or a student_id.';
  end if;
  v_request.state := v_demand.state;
  v_request.hubspot_id := v_demand.hubspot_id;
  v_request.records := v_demand.records;
  v_request.read_at := v_demand.read_at;
  return v_request;
exception
  when lock_not_available or deadlock_detected then
    raise exception '% % is busy', p_kind, coalesce(p_id, '')
      using errcode = 'MBBSY', hint = 'Send the same request again.';
end;
$$;

comment on function api.request_sync(text, text, integer) is
  'Asks for a record to be read from HubSpot at once, and for what waits to be sent of it to go '
  'first. p_kind: exam (with its bookings), booking, contact, or all, which takes no id. p_id: our '
  'id, HubSpot''s, a booking_id or a student_id. p_older_than: seconds; what was read within them, '
  'or within five, is fresh and left alone. Asking again tells whether it is done: then it is '
  'fresh. A number nobody knows is taken for the HubSpot id of a new record. Raises 22023 (kind or '
  'id missing, or out of bounds), MBEXM, MBNOF, MBCON (no such exam, booking, contact), MBBSY (try '
  'again), MBISO (isolation level), 42501 (not allowed).';
revoke execute on function api.request_sync(text, text, integer)
  from public, anon, authenticated;
grant execute on function api.request_sync(text, text, integer) to authenticated, service_role;
