-- Why a row of the inbox is still there, in one word; the rules are those of claim_signals.
create or replace function hubspot_sync.signal_state(p_signal hubspot_sync.webhook_inbox)
  returns text
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
begin
  return case
    when p_signal.done_at is not null then 'done'
    when p_signal.dead_at is not null then 'dead'
    when p_signal.epoch is not null and p_signal.next_attempt_at > v_now then 'leased'
    when exists (
      select from hubspot_sync.sync_pauses p
       where p.scope in ('*', p_signal.table_name)
         and (p.until is null or p.until > v_now)) then 'paused'
    when p_signal.next_attempt_at > v_now then 'waiting'
    when exists (
      select from hubspot_sync.webhook_inbox o
       where o.hubspot_id = p_signal.hubspot_id
         and o.table_name = p_signal.table_name
         and o.done_at is null
         and coalesce(o.dead_at, '-infinity') = '-infinity'
         and o.next_attempt_at > v_now) then 'behind'
    else 'due'
  end;
end;
$$;

comment on function hubspot_sync.signal_state(hubspot_sync.webhook_inbox) is
  'due; waiting (for its next attempt); behind (another signal of its record is leased or waits); '
  'leased (a worker reads it); paused; dead; or done.';
revoke execute on function hubspot_sync.signal_state(hubspot_sync.webhook_inbox)
  from public, anon, authenticated;
