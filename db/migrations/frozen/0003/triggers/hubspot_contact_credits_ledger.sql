-- Writes the ledger: every change of a balance, whoever makes it, becomes an entry.
--
-- change_credit says why and for which booking through two settings of the transaction; a
-- writer that says nothing is recorded as an adjustment.
create or replace function hubspot_sync.hubspot_contact_credits_ledger()
  returns trigger
  language plpgsql
  security definer
  set search_path = ''
as $$
begin
  insert into hubspot_sync.credit_ledger
    (contact, credit, delta, balance_before, balance_after, booking, reason, actor, created_at)
  select new.id, v.credit, v.after - v.before, v.before, v.after,
         nullif(current_setting('hubspot_sync.ledger_booking', true), '')::uuid,
         case tg_op
           when 'INSERT' then 'opening'
           else coalesce(nullif(current_setting('hubspot_sync.ledger_reason', true), ''),
                         'adjustment')
         end,
         hubspot_sync.actor(), hubspot_sync.clock()
    from (values
      ('sj_credits', case tg_op when 'INSERT' then 0 else old.sj_credits end, new.sj_credits),
      ('cs_credits', case tg_op when 'INSERT' then 0 else old.cs_credits end, new.cs_credits),
      ('sjmini_credits',
       case tg_op when 'INSERT' then 0 else old.sjmini_credits end, new.sjmini_credits),
      ('mock_discussion_token',
       case tg_op when 'INSERT' then 0 else old.mock_discussion_token end,
       new.mock_discussion_token),
      ('shared_mock_credits',
       case tg_op when 'INSERT' then 0 else old.shared_mock_credits end,
       new.shared_mock_credits)
    ) as v (credit, before, after)
   where v.before <> v.after;
  return null;
end;
$$;

comment on function hubspot_sync.hubspot_contact_credits_ledger() is
  'Trigger: writes credit_ledger for every change of a balance.';
revoke execute on function hubspot_sync.hubspot_contact_credits_ledger() from public;

create or replace trigger hubspot_contact_credits_ledger_insert
  after insert on hubspot_sync.hubspot_contact_credits
  for each row
  execute function hubspot_sync.hubspot_contact_credits_ledger();

create or replace trigger hubspot_contact_credits_ledger_update
  after update on hubspot_sync.hubspot_contact_credits
  for each row
  when ((old.sj_credits, old.cs_credits, old.sjmini_credits, old.mock_discussion_token,
         old.shared_mock_credits)
        is distinct from
        (new.sj_credits, new.cs_credits, new.sjmini_credits, new.mock_discussion_token,
         new.shared_mock_credits))
  execute function hubspot_sync.hubspot_contact_credits_ledger();
