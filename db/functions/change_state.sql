-- Why a row of the outbox is still there, in one word; the rules are those of claim_changes.
create or replace function hubspot_sync.change_state(p_change hubspot_sync.sync_queue)
  returns text
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
begin
  return case
    when p_change.synced then 'sent'
    when p_change.dead_at is not null then 'dead'
    when p_change.epoch is not null and p_change.next_attempt_at > v_now then 'leased'
    when exists (
      select from hubspot_sync.sync_pauses p
       where p.scope in ('*', p_change.table_name)
         and (p.until is null or p.until > v_now)) then 'paused'
    when p_change.next_attempt_at > v_now then 'waiting'
    when exists (
      select from hubspot_sync.sync_queue o
       where o.record = p_change.record
         and o.id <> p_change.id
         and not o.synced
         and coalesce(o.dead_at, '-infinity') = '-infinity'
         and not (o.operation = 'resend' and o.epoch is null)
         and o.next_attempt_at > v_now) then 'behind'
    when p_change.epoch is not null then 'unanswered'
    else 'due'
  end;
end;
$$;

comment on function hubspot_sync.change_state(hubspot_sync.sync_queue) is
  'due; waiting (for its next attempt); behind (another change of its record is leased or waits); '
  'leased (a worker has it); unanswered (its lease ended without an answer, it is sent again); '
  'paused; dead; or sent.';
revoke execute on function hubspot_sync.change_state(hubspot_sync.sync_queue)
  from public, anon, authenticated;
