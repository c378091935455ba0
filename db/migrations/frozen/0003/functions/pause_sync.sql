-- Keeps a table's changes, or all, from being sent. What is in a worker's hands is still answered.
create or replace function hubspot_sync.pause_sync(
  p_scope text default '*',
  p_reason text default null,
  p_until timestamptz default null
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
  elsif coalesce(trim(p_reason), '') = '' then
    raise exception 'a pause needs a reason'
      using errcode = '22023', hint = 'Say in p_reason what the next person on call should know.';
  elsif p_until <= v_now or p_until = 'infinity' then
    raise exception 'a pause cannot end at %', p_until
      using errcode = '22023',
            hint = 'Give a time to come; without one it lasts until it is resumed.';
  end if;
  insert into hubspot_sync.sync_pauses (scope, reason, paused_by, paused_at, until)
  values (v_scope, left(trim(p_reason), 500), hubspot_sync.actor(), v_now, p_until)
  on conflict (scope) do update
     set reason = excluded.reason, paused_by = excluded.paused_by,
         paused_at = excluded.paused_at, until = excluded.until
  returning * into v_pause;
  return v_pause;
end;
$$;

comment on function hubspot_sync.pause_sync(text, text, timestamptz) is
  'Pauses bookings, contacts, exams, notes or * (all): nothing of it is sent until p_until, or '
  'until resume_sync. A pause that is there already is replaced. Raises 22023 for another scope, '
  'without a reason, or for a time that has passed.';
revoke execute on function hubspot_sync.pause_sync(text, text, timestamptz)
  from public, anon, authenticated;
grant execute on function hubspot_sync.pause_sync(text, text, timestamptz) to service_role;
