-- From where a table is to be searched for what changed in HubSpot.
--
-- A pass that was cut off goes on after its last page. A new one begins a while before the last
-- whole pass began, because search sees what was written only some seconds later.
create or replace function hubspot_sync.poll_state(p_task text, p_table text)
  returns hubspot_sync.poll_pass
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_state jsonb := hubspot_sync.recall(p_task || ' ' || p_table);
  v_pass hubspot_sync.poll_pass;
begin
  perform hubspot_sync.require_readable(p_table);
  v_pass.started_at := hubspot_sync.clock();
  v_pass.recent_from :=
    (v_pass.started_at at time zone hubspot_sync.setting('time_zone')
       - hubspot_sync.setting('poll_recent')::interval)::date;
  if v_state ? 'after' then
    v_pass.since := (v_state ->> 'since')::timestamptz;
    v_pass.until := (v_state ->> 'until')::timestamptz;
    v_pass.after := v_state ->> 'after';
  else
    v_pass.since := (v_state ->> 'watermark')::timestamptz
      - hubspot_sync.setting('poll_overlap')::interval;
  end if;
  return v_pass;
end;
$$;

comment on function hubspot_sync.poll_state(text, text) is
  'Where the pass of the task p_task (poll, poll everything, reconcile) over a table begins or '
  'goes on. Raises 22023 for a table that HubSpot says nothing of.';
revoke execute on function hubspot_sync.poll_state(text, text) from public, anon, authenticated;
grant execute on function hubspot_sync.poll_state(text, text) to service_role;
