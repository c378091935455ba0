-- Keeps the ledger append-only, for its owner too.
create or replace function hubspot_sync.credit_ledger_append_only()
  returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- What names a person who asked to be forgotten is taken out: see forget_contact.
  if tg_op = 'UPDATE' and current_setting('hubspot_sync.forgetting', true) = 'on' then
    return null;
  end if;
  raise exception 'credit_ledger is append-only: % is refused', lower(tg_op)
    using errcode = 'MBAPP', hint = 'Correct a balance by a further change of the balance.';
end;
$$;

comment on function hubspot_sync.credit_ledger_append_only() is
  'Trigger: raises MBAPP on update, delete and truncate of credit_ledger.';
revoke execute on function hubspot_sync.credit_ledger_append_only()
  from public, anon, authenticated;

create or replace trigger credit_ledger_append_only
  before update or delete or truncate on hubspot_sync.credit_ledger
  for each statement
  execute function hubspot_sync.credit_ledger_append_only();
