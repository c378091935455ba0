-- Stops sending: of one table or of all, for a time or until somebody resumes it.
create or replace function hubspot_sync.pause_sync(
  p_scope text default '*',
  p_reason text default null,
  p_for interval default null
)
  returns hubspot_sync.sync_pauses
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_scope text := case when p_scope = '*' then '*' else hubspot_sync.find_synced_table(p_scope) end;
  v_pause hubspot_sync.sync_pauses;
begin
  if v_scope is null then
    raise exception 'nothing is named that could be paused'
      using errcode = '22023', hint = 'One of bookings, contacts, exams and notes, or * for all.';
  elsif nullif(trim(p_reason), '') is null or p_for not between '0' and '30 days' then
    raise exception 'a pause needs a reason, and lasts at most 30 days'
      using errcode = '22023', hint = 'Without a time it lasts until it is resumed.';
  end if;
  insert into hubspot_sync.sync_pauses as s (scope, reason, paused_by, paused_at, until)
  values (v_scope, left(trim(p_reason), 1000), hubspot_sync.actor(), v_now, v_now + p_for)
  on conflict (scope) do update
     set reason = excluded.reason, paused_by = excluded.paused_by,
         paused_at = excluded.paused_at, until = excluded.until
   -- A pause that somebody must end is not ended by one that ends by itself.
   where s.until is not null or excluded.until is null;
  select s.* into v_pause from hubspot_sync.sync_pauses s where s.scope = v_scope;
  return v_pause;
end;
$$;

comment on function hubspot_sync.pause_sync(text, text, interval) is
  'Nothing of p_scope (bookings, contacts, exams, notes or «*» for all) is claimed for p_for, or '
  'until hubspot_sync.resume_sync, where p_for is null. A batch in hand is finished. Answers the '
  'pause in force, which is the one before where only a person may end that. Raises 22023 for an '
  'unknown scope, no reason, or an impossible time.';
revoke execute on function hubspot_sync.pause_sync(text, text, interval)
  from public, anon, authenticated;
grant execute on function hubspot_sync.pause_sync(text, text, interval) to service_role;
