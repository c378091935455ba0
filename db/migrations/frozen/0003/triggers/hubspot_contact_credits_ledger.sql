-- Writes the ledger: every change of a balance, whoever makes it, becomes an entry.
--
-- change_credit says why and for which booking through two settings of the transaction; a
-- writer that says nothing is recorded as an adjustment.
create or replace function hubspot_sync.hubspot_contact_credits_ledger()
  returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_before integer;
  v_after integer;
  v_credit text;
  v_reason text := case tg_op
    when 'INSERT' then 'opening'
    else coalesce(nullif(current_setting('hubspot_sync.ledger_reason', true), ''), 'adjustment')
  end;
  -- What hubspot_sync.post_credit adds: the reason in words, and the request to replay.
  v_entry jsonb := case when v_reason in ('grant', 'adjustment', 'hubspot', 'merge')
    then nullif(current_setting('hubspot_sync.ledger_entry', true), '')::jsonb end;
begin
  foreach v_credit in array array[
    'sj_credits', 'cs_credits', 'sjmini_credits', 'mock_discussion_token', 'shared_mock_credits'
  ] loop
    case v_credit
      when 'sj_credits' then
        v_before := old.sj_credits;
        v_after := new.sj_credits;
      when 'cs_credits' then
        v_before := old.cs_credits;
        v_after := new.cs_credits;
      when 'sjmini_credits' then
        v_before := old.sjmini_credits;
        v_after := new.sjmini_credits;
      when 'mock_discussion_token' then
        v_before := old.mock_discussion_token;
        v_after := new.mock_discussion_token;
      else
        v_before := old.shared_mock_credits;
        v_after := new.shared_mock_credits;
    end case;
    continue when v_after = coalesce(v_before, 0);
    insert into hubspot_sync.credit_ledger
      (contact, credit, delta, balance_before, balance_after, booking, reason, actor, note,
       idempotency_key, idempotency_request, idempotency_result)
    values
      (new.id, v_credit, v_after - coalesce(v_before, 0), coalesce(v_before, 0), v_after,
       case when v_reason in ('booking', 'refund')
         then nullif(current_setting('hubspot_sync.ledger_booking', true), '')::uuid end,
       v_reason, hubspot_sync.actor(), v_entry ->> 'note', v_entry ->> 'key',
       nullif(v_entry -> 'request', 'null'),
       case when v_entry ->> 'key' is not null
         then to_jsonb(hubspot_sync.contact_answer(new, false)) end);
  end loop;
  return null;
end;
$$;

comment on function hubspot_sync.hubspot_contact_credits_ledger() is
  'Trigger: writes credit_ledger for every change of a balance.';
revoke execute on function hubspot_sync.hubspot_contact_credits_ledger()
  from public, anon, authenticated;

create or replace trigger hubspot_contact_credits_ledger
  after insert or update of sj_credits, cs_credits, sjmini_credits, mock_discussion_token,
    shared_mock_credits
  on hubspot_sync.hubspot_contact_credits
  for each row
  execute function hubspot_sync.hubspot_contact_credits_ledger();
