begin;
select plan(14);

insert into hubspot_sync.admin_users (email) values ('boss@example.com');
create function pg_temp.may() returns text language plpgsql security definer as $$
begin
  perform hubspot_sync.require_administrator();
  return 'may';
exception when sqlstate '42501' then
  return 'may not';
end
$$;
create function pg_temp.may(p_claims text) returns text language sql as $$
  select set_config('request.jwt.claims', p_claims, true);
  select pg_temp.may();
$$;
select is(pg_temp.may(), 'may', 'the owner may');
set local role service_role;
select is(pg_temp.may(''), 'may', 'service_role may');
select is(pg_temp.may('{"email":"ann@example.com"}'), 'may', 'also for a student');
set local role authenticated;
select is(pg_temp.may('{"email":"boss@example.com"}'), 'may', 'an administrator may');
select is(pg_temp.may('{"email":"Boss@EXAMPLE.com "}'), 'may', 'however the email is spelled');
select is(pg_temp.may('{"email":"ann@example.com"}'), 'may not', 'a student may not');
select is(pg_temp.may('{"email":"ann@example.com","role":"service_role"}'), 'may not',
          'also not one who says to be service_role');
select is(pg_temp.may(''), 'may not', 'nobody may not');
reset role;
delete from hubspot_sync.admin_users;
set local role authenticated;
select is(pg_temp.may('{"email":"boss@example.com"}'), 'may not',
          'who is an administrator no longer may not');
reset role;
select throws_ok(format('insert into hubspot_sync.admin_users (email) values (%L)', e.email),
                 '23514', null, format('%L is no administrator''s email', e.email))
  from unnest(array['Boss@example.com', ' boss@example.com', 'boss', '', '@']) as e (email);

select * from finish();
rollback;
