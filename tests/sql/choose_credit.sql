begin;
select plan(18);

create function pg_temp.chosen(p_own integer, p_shared_credits integer, p_credit text,
                               p_shared boolean) returns text language plpgsql as $$
declare
  v_contact hubspot_sync.hubspot_contact_credits;
begin
  v_contact := jsonb_populate_record(v_contact, jsonb_build_object(
    p_credit, p_own, 'shared_mock_credits', p_shared_credits));
  return hubspot_sync.choose_credit(v_contact, p_credit, p_shared);
end
$$;
select is(pg_temp.chosen(1, 1, c.credit, true), c.credit,
          format('%s is spent before a shared credit', c.credit))
  from unnest(array['sj_credits', 'cs_credits', 'sjmini_credits', 'mock_discussion_token'])
    as c (credit);
select is(pg_temp.chosen(0, 1, c.credit, true), 'shared_mock_credits',
          format('without %s a shared credit pays', c.credit))
  from unnest(array['sj_credits', 'cs_credits', 'sjmini_credits', 'mock_discussion_token'])
    as c (credit);
select is(pg_temp.chosen(0, 9, c.credit, false), null,
          format('where shared credits do not pay, none pays without %s', c.credit))
  from unnest(array['sj_credits', 'cs_credits', 'sjmini_credits', 'mock_discussion_token'])
    as c (credit);
select is(pg_temp.chosen(0, 0, 'sj_credits', true), null, 'nothing pays where nothing is');
select is(pg_temp.chosen(-1, 0, 'sj_credits', true), null, 'what is owed does not pay');
select is(pg_temp.chosen(2147483647, 0, 'sj_credits', false), 'sj_credits',
          'the largest balance pays');
select is(hubspot_sync.choose_credit(null, 'sj_credits', true), null, 'nobody pays nothing');
select is(pg_temp.chosen(1, 0, 'sj_credits', null), 'sj_credits',
          'an unknown rule about shared credits does not stop one''s own');
select is(pg_temp.chosen(0, 1, 'sj_credits', null), null, 'and is no leave to spend shared ones');

select * from finish();
rollback;
