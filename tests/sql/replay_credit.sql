begin;
select plan(10);

insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email)
values ('C-1', 'S-1', 'ann@example.com');
select api.grant_credits('S-1', 'ann@example.com', 'sj_credits', 1, 'Secret reason', 'key-1');
create temp table request as
  select l.idempotency_request as said from hubspot_sync.credit_ledger l
   where l.idempotency_key = 'key-1';
select is((hubspot_sync.replay_credit('key-1', said)).replayed, true, 'a known key is replayed')
  from request;
select is((hubspot_sync.replay_credit('key-1', said)).sj_credits, 1, 'with its first result')
  from request;
select ok(hubspot_sync.replay_credit(k, said) is null, format('the key %L is unknown', k))
  from request, unnest(array['key-2', 'KEY-1', ' key-1', '', '%', null]) k;
select throws_ok(
  format('select hubspot_sync.replay_credit(''key-1'', %L)',
         said || '{"p_reason": "Other", "amount": 2}'),
  'MBKEY', 'idempotency key was used for a request with another amount, p_reason',
  'another request is refused, naming what differs and no values')
  from request;
select throws_ok(
  format('select hubspot_sync.replay_credit(''key-1'', %L)', said || '{"new": null}'),
  'MBKEY', null, 'a field the first request did not have differs')
  from request;

select * from finish();
rollback;
